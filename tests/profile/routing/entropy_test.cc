#include "coe/profile/routing/entropy.h"

#include <gtest/gtest.h>

#include <vector>

namespace coe {
namespace {

double entropy(const std::vector<double>& values) { return normalised_entropy(values); }

TEST(Entropy, IsOneWhenEvenAndZeroWhenOneHasAll) {
  EXPECT_DOUBLE_EQ(entropy({3, 3, 3, 3}), 1.0);
  EXPECT_DOUBLE_EQ(entropy({0, 5, 0, 0}), 0.0);
}

TEST(Entropy, Golden) {
  EXPECT_DOUBLE_EQ(entropy({2, 2, 0, 0}), 0.5);         // ln 2 / ln 4
  EXPECT_DOUBLE_EQ(entropy({20, 10, 5, 5}), 1.75 / 2);  // bits of 1/2, 1/4, 1/8, 1/8; of 4
}

TEST(Entropy, HasNoValueThatIsNoNumber) {
  EXPECT_EQ(entropy({0, 0, 0}), 0.0);
  EXPECT_EQ(entropy({7}), 0.0);
  EXPECT_EQ(entropy({}), 0.0);
}

}  // namespace
}  // namespace coe
