#include "coe/base/rng.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

namespace coe {
namespace {

TEST(Rng, GivesTheReferenceSequenceOfSplitMix64) {
  // Seed 1234567: the values published with the reference implementation (Vigna, splitmix64.c).
  Rng rng(1234567);
  EXPECT_EQ(rng.next(), 6457827717110365317U);
  EXPECT_EQ(rng.next(), 3203168211198807973U);
  EXPECT_EQ(rng.next(), 9817491932198370423U);
  EXPECT_EQ(rng.next(), 4593380528125082431U);
  EXPECT_EQ(rng.next(), 16408922859458223821U);
}

RC_GTEST_PROP(Rng, StaysBelowTheBound, (std::uint64_t seed, std::uint64_t bound)) {
  RC_PRE(bound > 0U);
  Rng rng(seed);
  for (int i = 0; i < 10; ++i) RC_ASSERT(rng.below(bound) < bound);
}

TEST(Rng, ReachesBothEndsOfARange) {
  Rng rng(7);
  std::vector<int> seen(5);
  for (int i = 0; i < 500; ++i) {
    const auto value = rng.between(-2, 2);
    ASSERT_GE(value, -2);
    ASSERT_LE(value, 2);
    ++seen[static_cast<std::size_t>(value + 2)];
  }
  // Expected 100 each, standard deviation 9: below 50 is a chance of 1e-8.
  EXPECT_GT(*std::ranges::min_element(seen), 50);
}

TEST(Rng, IsUniformInTheUnitInterval) {
  Rng rng(3);
  double sum = 0;
  for (int i = 0; i < 10000; ++i) {
    const double value = rng.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }
  EXPECT_NEAR(sum / 10000, 0.5, 5 * 0.2887 / 100);  // five standard errors
}

TEST(Rng, ShufflesIntoAPermutation) {
  std::vector<int> items(50);
  std::iota(items.begin(), items.end(), 0);
  const auto sorted = items;
  Rng(5).shuffle(std::span(items));
  EXPECT_NE(items, sorted);
  std::ranges::sort(items);
  EXPECT_EQ(items, sorted);
}

}  // namespace
}  // namespace coe
