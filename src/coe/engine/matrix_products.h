// Products of matrices on the device that holds a model's weights, for callers that have many
// teraflops of them.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <span>

namespace coe {

// A row-major matrix, or its transpose as a factor of a product.
struct Factor {
  const float* values = nullptr;
  std::size_t n_row = 0;  // as it lies in memory
  std::size_t n_column = 0;
  bool transposed = false;
};

// Used from one thread.
class MatrixProducts {
 public:
  virtual ~MatrixProducts() = default;

  // c = op(a) · op(b), row-major. The device may round factors to 10 bits behind the point, and
  // sums in 32 bits. `c` has the product's size; inner dimensions agree. Errors: kEngine, also
  // where the device has no memory left.
  virtual Status multiply(const Factor& a, const Factor& b, std::span<float> c) = 0;
};

}  // namespace coe
