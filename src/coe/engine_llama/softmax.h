// The engine's own softmax on a matrix of our making: virtual surgery needs the bits that a sliced
// router would give.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

namespace coe {

class Softmax {
 public:
  Softmax();
  ~Softmax();
  Softmax(const Softmax&) = delete;
  Softmax& operator=(const Softmax&) = delete;

  // Softmax of each row on the CPU backend. Shapes: x and result [n_row, width]. Errors: kEngine.
  Result<std::vector<float>> rows(std::span<const float> x, std::size_t width);

 private:
  struct Backend;
  std::unique_ptr<Backend> backend_;  // made at first use
};

}  // namespace coe
