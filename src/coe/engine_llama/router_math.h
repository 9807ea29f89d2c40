// The engine's own arithmetic on router values of our making: virtual surgery and candidates need
// the bits that the engine would give for fewer experts.
#pragma once

#include "coe/base/result.h"
#include "coe/engine_llama/graph_plan.h"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace coe {

class RouterMath {
 public:
  RouterMath();
  ~RouterMath();
  RouterMath(const RouterMath&) = delete;
  RouterMath& operator=(const RouterMath&) = delete;

  // Softmax of each row on the CPU backend. Shapes: x and result [n_row, width]. Errors: kEngine.
  Result<std::vector<float>> softmax(std::span<const float> x, std::size_t width);
  // Final router weights of `n_used` chosen experts a token from their raw ones (ffn_moe_weights).
  // Shapes: raw and result [n_token, n_used]. Errors: kEngine.
  Result<std::vector<float>> weights(std::span<const float> raw, std::size_t n_used,
                                     const WeightRule& rule);

 private:
  struct Backend;
  template <class Build>
  Result<std::vector<float>> run(std::span<const float> x, std::size_t width, Build build);

  std::unique_ptr<Backend> backend_;  // made at first use
};

}  // namespace coe
