// What a stored model is, from its header alone: no weights are read.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"

#include <cstdint>
#include <string>

namespace coe {

struct ModelAbout {
  std::string architecture;
  std::string quantization;         // "Q4_K_M": what the file says, else its most common type
  std::uint64_t n_expert = 0;       // 0: no mixture of experts
  std::uint64_t n_expert_used = 0;  // 0: the file does not say, or it differs by layer
};

// Errors: those of GgufFile::open; kUnsupported for a projector, an adapter, an importance matrix.
Result<ModelAbout> about_model(const Path& file);

}  // namespace coe
