// The engine's own arithmetic on router values of our making: virtual surgery and candidates need
// the bits that the engine would give for fewer experts.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/llama/device_backends.h"
#include "coe/engine/llama/graph_plan.h"

#include <ggml-backend.h>

#include <cstddef>
#include <span>
#include <vector>

namespace coe {

// One for each context; used from its decoding thread only.
class RouterMath {
 public:
  // `backends` must outlive it.
  explicit RouterMath(DeviceBackends& backends) : backends_(backends) {}

  // Softmax of each row, by the device that holds buffers of type `where`. Shapes: x and result
  // [n_row, width]. Errors: kEngine.
  Result<std::vector<float>> softmax(std::span<const float> x, std::size_t width,
                                     ggml_backend_buffer_type_t where);
  // Final router weights of `n_used` chosen experts a token from their raw ones (ffn_moe_weights),
  // by the CPU. Shapes: raw and result [n_token, n_used]. Errors: kEngine.
  Result<std::vector<float>> weights(std::span<const float> raw, std::size_t n_used,
                                     const WeightRule& rule);

 private:
  template <class Build>
  Result<std::vector<float>> run(std::span<const float> x, std::size_t width,
                                 ggml_backend_buffer_type_t where, Build build);

  DeviceBackends& backends_;
};

}  // namespace coe
