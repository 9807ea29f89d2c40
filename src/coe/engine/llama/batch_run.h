// A run says how the tokens of a batch belong to requests.
#pragma once

#include "coe/engine/engine.h"

#include <cstdint>

namespace coe {

// Tokens of one request that a batch holds, in a run.
struct BatchRun {
  const DecodeRequest* request = nullptr;
  std::uint32_t first_token = 0;  // position in the request's sequence
  std::uint32_t n_token = 0;
};

}  // namespace coe
