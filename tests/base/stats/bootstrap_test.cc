#include "coe/base/stats/bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace coe {
namespace {

TEST(Bootstrap, EqualRecordsHaveNoSpread) {
  const std::vector<double> a = {3, 6, 9};
  const std::vector<double> b = {1, 2, 3};
  const auto interval = ratio_interval(a, b);
  EXPECT_DOUBLE_EQ(interval.value, 3.0);
  EXPECT_DOUBLE_EQ(interval.lower, 3.0);
  EXPECT_DOUBLE_EQ(interval.upper, 3.0);
}

// The value is the ratio of sums, not the mean of ratios: (1 + 9) / (1 + 3), not (1 + 3) / 2.
TEST(Bootstrap, WeighsRecordsByTheirDenominator) {
  const std::vector<double> a = {1, 9};
  const std::vector<double> b = {1, 3};
  const auto interval = ratio_interval(a, b);
  EXPECT_DOUBLE_EQ(interval.value, 2.5);
  // Both replicates of one record alone come up in 2,000 draws of two (probability 1/4 each).
  EXPECT_DOUBLE_EQ(interval.lower, 1.0);
  EXPECT_DOUBLE_EQ(interval.upper, 3.0);
}

// Of 400 records with mean 0.5 and variance 1/4 the standard error is 0.025: the 95 % interval
// reaches 0.049 to each side, up to the noise of 2,000 replicates.
TEST(Bootstrap, SpreadIsThatOfTheMean) {
  std::vector<double> a(400, 0.0);
  for (std::size_t i = 0; i < a.size(); i += 2) a[i] = 1.0;
  const std::vector<double> b(a.size(), 1.0);
  const auto interval = ratio_interval(a, b);
  EXPECT_DOUBLE_EQ(interval.value, 0.5);
  EXPECT_NEAR(interval.upper - interval.lower, 2 * 1.96 * 0.025, 0.008);
  const auto wide = ratio_interval(a, b, {.level = 0.99});
  EXPECT_LT(wide.lower, interval.lower);
  EXPECT_GT(wide.upper, interval.upper);
}

// Independent noise on records of very different size cancels when both models share it.
TEST(Bootstrap, IsPaired) {
  std::vector<double> a;
  std::vector<double> b;
  for (int i = 1; i <= 50; ++i) {
    b.push_back(i * i);
    a.push_back(0.8 * i * i);
  }
  const auto interval = ratio_interval(a, b);
  EXPECT_NEAR(interval.lower, 0.8, 1e-12);
  EXPECT_NEAR(interval.upper, 0.8, 1e-12);
}

TEST(Bootstrap, NothingToDivideBy) {
  const std::vector<double> zero = {0, 0};
  EXPECT_EQ(ratio_interval(zero, zero).value, 0.0);
  EXPECT_EQ(ratio_interval({}, {}).upper, 0.0);
  // Replicates without the only record that counts are left out.
  const auto interval = ratio_interval(std::vector<double>{1, 0}, std::vector<double>{2, 0});
  EXPECT_DOUBLE_EQ(interval.lower, 0.5);
  EXPECT_DOUBLE_EQ(interval.upper, 0.5);
}

}  // namespace
}  // namespace coe
