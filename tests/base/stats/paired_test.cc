#include "coe/base/stats/paired.h"

#include <gtest/gtest.h>

namespace coe {
namespace {

// 8 of 10, z = 1.959964: (0.8 + 0.192073) / 1.384146 -+ 1.416009 * sqrt(0.016 + 0.009604).
TEST(Wilson, ByHand) {
  const auto interval = wilson_interval(8, 10);
  EXPECT_DOUBLE_EQ(interval.value, 0.8);
  EXPECT_NEAR(interval.lower, 0.490162, 1e-5);
  EXPECT_NEAR(interval.upper, 0.943318, 1e-5);
}

// 0 of 10: 0 to z^2 / (n + z^2) = 3.841459 / 13.841459; all right mirrors it.
TEST(Wilson, NoneAndAll) {
  EXPECT_EQ(wilson_interval(0, 10).lower, 0.0);
  EXPECT_NEAR(wilson_interval(0, 10).upper, 0.277533, 1e-5);
  EXPECT_NEAR(wilson_interval(10, 10).lower, 0.722467, 1e-5);
  EXPECT_EQ(wilson_interval(10, 10).upper, 1.0);
  EXPECT_EQ(wilson_interval(0, 0).upper, 0.0);
}

// 1 : 9 of 10 coins: exact 2 * (1 + 10) / 1024; mid-p takes one times 10 / 1024 off.
TEST(McNemar, ByHand) {
  EXPECT_NEAR(mcnemar(1, 9).p_exact, 22.0 / 1024, 1e-12);
  EXPECT_NEAR(mcnemar(9, 1).p_mid, 12.0 / 1024, 1e-12);
}

// 5 : 5: twice the half with the middle is over 1; mid-p is 1 exactly.
TEST(McNemar, EvenSplitsAndNoDifference) {
  EXPECT_EQ(mcnemar(5, 5).p_exact, 1.0);
  EXPECT_NEAR(mcnemar(5, 5).p_mid, 1.0, 1e-12);
  EXPECT_EQ(mcnemar(0, 0).p_exact, 1.0);
}

TEST(McNemar, ManyQuestionsDoNotOverflow) {
  EXPECT_NEAR(mcnemar(5000, 5000).p_mid, 1.0, 1e-9);
  EXPECT_LT(mcnemar(4000, 6000).p_exact, 1e-80);
}

}  // namespace
}  // namespace coe
