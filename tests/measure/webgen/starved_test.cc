#include "coe/base/process/child_process.h"
#include "coe/measure/webgen/trial.h"

#include <gtest/gtest.h>

namespace coe {
namespace {

TEST(IsStarved, WhenItWaitedLongerThanItRan) {
  EXPECT_FALSE(is_starved({1.0, 0.1}, {4.0, 0.3}));     // a page that computes
  EXPECT_FALSE(is_starved({1.0, 0.1}, {7.0, 4.0}));     // two that share a processor
  EXPECT_TRUE(is_starved({1.0, 0.1}, {1.5, 6.0}));      // kept from it
  EXPECT_FALSE(is_starved({1.0, 0.1}, {1.01, 0.3}));    // too short to say
  EXPECT_FALSE(is_starved({1.0, 5.0}, {0.5, 2.0}));     // threads have ended
  EXPECT_FALSE(is_starved({1.0, 0.1}, {4.0, 9.1}, 4));  // it had four times as long
  EXPECT_FALSE(is_starved({}, {}));                     // nothing is known
}

}  // namespace
}  // namespace coe
