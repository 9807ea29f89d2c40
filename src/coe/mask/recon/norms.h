// Some architectures put a norm right behind their routed experts' output.
#pragma once

#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include <vector>

namespace coe {

struct OutputNorm {
  std::vector<float> weights;  // [n_embd]
  float eps = 0.0F;
};

// This holds for gemma4. The norms of other architectures see more than the routed experts.
bool has_output_norm(const MoeModel& model);
// Errors: kCorrupt when the tensor or the key of its epsilon is missing or has another form; kIo.
Result<OutputNorm> read_output_norm(const gguf::GgufFile& file, const MoeModel& model,
                                    LayerId layer);

}  // namespace coe
