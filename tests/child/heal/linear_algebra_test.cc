#include "coe/child/heal/linear_algebra.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cblas.h>
#include <cmath>
#include <cstddef>
#include <mutex>
#include <set>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace coe {
namespace {

using coe::testing::value_of;
using ::testing::ElementsAre;

Matrix matrix_of(std::size_t n_row, std::size_t n_column, std::vector<float> values) {
  Matrix matrix(n_row, n_column);
  matrix.values = std::move(values);
  return matrix;
}

TEST(LinearAlgebra, MultipliesAsByHand) {
  const auto a = matrix_of(2, 3, {1, 2, 3, 4, 5, 6});
  const auto b = matrix_of(2, 3, {1, 0, 1, 0, 2, 0});
  Matrix c;
  multiply_transposed(a, b, c);
  EXPECT_EQ(c.n_row, 2U);
  EXPECT_EQ(c.n_column, 2U);
  EXPECT_THAT(c.values, ElementsAre(4, 4, 10, 10));
  multiply(a, matrix_of(3, 1, {1, -1, 2}), c);
  EXPECT_THAT(c.values, ElementsAre(5, 11));
  EXPECT_EQ(c.n_column, 1U);
  transposed_multiply(a, b, c);
  EXPECT_THAT(c.values, ElementsAre(1, 8, 1, 2, 10, 2, 3, 12, 3));
}

TEST(MathThreads, BoundWhatIsUsed) {
  const auto threads_of = [](std::size_t n) {
    std::mutex mutex;
    std::set<std::thread::id> seen;
    for_rows(n, [&](std::size_t) {
      const std::lock_guard lock(mutex);
      seen.insert(std::this_thread::get_id());
    });
    return seen;
  };
  const int before = openblas_get_num_threads();
  {
    const MathThreads one(1);
    EXPECT_EQ(threads_of(1000), std::set{std::this_thread::get_id()});
    EXPECT_EQ(openblas_get_num_threads(), 1);
  }
  EXPECT_EQ(MathThreads::count(), 0U);
  EXPECT_EQ(openblas_get_num_threads(), before);
}

// Says 7 to every product, or fails at the n-th.
class Sevens : public MatrixProducts {
 public:
  explicit Sevens(int n_good) : n_good_(n_good) {}
  Status multiply(const Factor& /*a*/, const Factor& /*b*/, std::span<float> c) override {
    if (n_good_-- <= 0) return fail(Code::kEngine, "out of memory");
    std::ranges::fill(c, 7.0F);
    return {};
  }

 private:
  int n_good_;
};

TEST(MathDevice, TakesLargeProductsUntilItFails) {
  const Matrix large(512, 512);
  const Matrix small(4, 4);
  Matrix c;
  Sevens sevens(1);
  {
    const MathDevice device(&sevens);
    EXPECT_GT(MathDevice::pass_tokens(), 2048U);
    multiply(small, small, c);
    EXPECT_EQ(c.values.front(), 0.0F);
    multiply(large, large, c);
    EXPECT_EQ(c.values.front(), 7.0F);
    EXPECT_FALSE(device.failure());
    multiply(large, large, c);  // by the CPU
    EXPECT_EQ(c.values.front(), 0.0F);
    ASSERT_TRUE(device.failure());
    EXPECT_EQ(device.failure()->message, "out of memory");
    EXPECT_EQ(MathDevice::pass_tokens(), 2048U);
  }
  multiply(large, large, c);
  EXPECT_EQ(c.values.front(), 0.0F);
}

TEST(LinearAlgebra, FindsEigenvectors) {
  Symmetric h(2);
  h.values = {2, 1, 1, 2};  // 1 along (1, -1), 3 along (1, 1)
  EXPECT_DOUBLE_EQ(h.trace(), 4.0);
  const auto eigen = value_of(eigen_of(h));
  EXPECT_NEAR(eigen.values[0], 1.0, 1e-12);
  EXPECT_NEAR(eigen.values[1], 3.0, 1e-12);
  EXPECT_NEAR(eigen.vectors.row(0)[0], -eigen.vectors.row(0)[1], 1e-6);
  EXPECT_NEAR(eigen.vectors.row(1)[0], eigen.vectors.row(1)[1], 1e-6);
  EXPECT_NEAR(std::abs(eigen.vectors.row(1)[0]), std::sqrt(.5), 1e-6);
}

}  // namespace
}  // namespace coe
