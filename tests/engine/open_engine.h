// The engine as its tests want it: one thread, so that runs repeat to the bit.
#pragma once

#include "coe/base/file.h"
#include "coe/engine/engine.h"
#include "coe/engine/llama/llama_engine.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <utility>

namespace coe::testing {

// Null, and a failure of the test, where it cannot be opened.
inline std::unique_ptr<Engine> open_single_threaded(const Path& model,
                                                    std::uint32_t n_batch = 512) {
  EngineOptions options;
  options.model = model;
  options.n_batch = n_batch;
  options.n_threads = 1;
  auto engine = open_llama_engine(options);
  if (!engine) ADD_FAILURE() << engine.error().message;
  return engine ? *std::move(engine) : nullptr;
}

}  // namespace coe::testing
