#include "coe/engine/llama/device_products.h"

#include "coe/base/rng.h"

#include "support/expect.h"

#include <ggml-backend.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_ok;
using coe::testing::value_of;

struct Values {
  std::size_t n_row;
  std::size_t n_column;
  std::vector<float> values;

  Values(std::size_t rows, std::size_t columns, Rng& rng)
      : n_row(rows), n_column(columns), values(rows * columns) {
    for (float& value : values) value = static_cast<float>(rng.uniform() - .5);
  }
  double at(std::size_t r, std::size_t c) const {
    return static_cast<double>(values[r * n_column + c]);
  }
  Factor factor(bool transposed) const { return {values.data(), n_row, n_column, transposed}; }
};

// The CPU's backend takes the way that any device's does.
class DeviceProductsTest : public ::testing::Test {
 protected:
  // op(a) [m, k] · op(b) [k, n] against sums in double.
  void expect_product(const Values& a, bool a_transposed, const Values& b, bool b_transposed) {
    const std::size_t m = a_transposed ? a.n_column : a.n_row;
    const std::size_t k = a_transposed ? a.n_row : a.n_column;
    const std::size_t n = b_transposed ? b.n_row : b.n_column;
    std::vector<float> c(m * n);
    expect_ok(products_->multiply(a.factor(a_transposed), b.factor(b_transposed), c));
    for (std::size_t i = 0; i < m; ++i)
      for (std::size_t j = 0; j < n; ++j) {
        double sum = 0.0;
        for (std::size_t l = 0; l < k; ++l)
          sum +=
              (a_transposed ? a.at(l, i) : a.at(i, l)) * (b_transposed ? b.at(j, l) : b.at(l, j));
        ASSERT_NEAR(c[i * n + j], sum, 1e-4) << i << " " << j;
      }
  }

  Rng rng_{5};
  std::unique_ptr<MatrixProducts> products_ =
      value_of(open_device_products(ggml_backend_cpu_buffer_type(), 2));
};

TEST_F(DeviceProductsTest, MultipliesInAllFourWays) {
  expect_product({7, 40, rng_}, false, {40, 5, rng_}, false);
  expect_product({7, 40, rng_}, false, {5, 40, rng_}, true);
  expect_product({40, 7, rng_}, true, {40, 5, rng_}, false);
  expect_product({40, 7, rng_}, true, {5, 40, rng_}, true);
}

TEST_F(DeviceProductsTest, MultipliesAMatrixWithItself) {
  const Values a(30, 12, rng_);
  expect_product(a, true, a, false);
  expect_product(a, false, a, true);
}

// The memory of a product is used again by the next one, of another size.
TEST_F(DeviceProductsTest, ForgetsTheProductBefore) {
  expect_product({100, 90, rng_}, false, {80, 90, rng_}, true);
  expect_product({3, 2, rng_}, false, {2, 4, rng_}, false);
  expect_product({100, 90, rng_}, false, {80, 90, rng_}, true);
}

}  // namespace
}  // namespace coe
