#include "coe/base/stats/interval_text.h"

#include <gtest/gtest.h>

namespace coe {
namespace {

TEST(IntervalText, ShowsValueAndBounds) {
  const Interval interval = {0.8412, 0.54, 1.2449};
  EXPECT_EQ(interval_text(interval, fixed(2)), "0.84 [0.54, 1.24]");
  EXPECT_EQ(interval_text(interval, significant(2)), "0.84 [0.54, 1.2]");
  EXPECT_EQ(interval_text(interval, percent()), "84.1 [54.0, 124.5]");
  EXPECT_EQ(interval_text(interval, percent(0), "%"), "84 % [54, 124]");
}

TEST(NumberText, RoundsAsPrintfDoes) {
  EXPECT_EQ(fixed(0)(-0.4), "-0");
  EXPECT_EQ(fixed(3)(1e6), "1000000.000");
  EXPECT_EQ(significant(3)(0.0001234), "0.000123");
  EXPECT_EQ(percent(1)(1.0), "100.0");
}

}  // namespace
}  // namespace coe
