#include "coe/base/stats/summary.h"

#include <gtest/gtest.h>

#include <vector>

namespace coe {
namespace {

TEST(Summary, MeanAndMedianByHand) {
  const std::vector<double> odd = {9, 1, 2};
  EXPECT_EQ(mean(odd), 4.0);
  EXPECT_EQ(median(odd), 2.0);
  EXPECT_EQ(median({4, 1, 8, 3}), 3.5);
  EXPECT_EQ(median({7}), 7.0);
}

TEST(Summary, NothingIsZero) {
  EXPECT_EQ(mean({}), 0.0);
  EXPECT_EQ(median({}), 0.0);
}

}  // namespace
}  // namespace coe
