#include "coe/base/checked.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>

namespace coe {
namespace {

constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();

TEST(Checked, AddsAndMultipliesUpToTheLimit) {
  EXPECT_EQ(checked_add(kMax - 1, 1), kMax);
  EXPECT_EQ(checked_add(kMax, 1), std::nullopt);
  EXPECT_EQ(checked_mul(std::uint64_t{1} << 32, (std::uint64_t{1} << 32) - 1),
            kMax - ((std::uint64_t{1} << 32) - 1));
  EXPECT_EQ(checked_mul(std::uint64_t{1} << 32, std::uint64_t{1} << 32), std::nullopt);
  EXPECT_EQ(checked_mul(kMax, 0), 0U);
}

TEST(Checked, AlignsUpwardsAndSeesOverflow) {
  EXPECT_EQ(checked_align(0, 32), 0U);
  EXPECT_EQ(checked_align(1, 32), 32U);
  EXPECT_EQ(checked_align(32, 32), 32U);
  EXPECT_EQ(checked_align(33, 1), 33U);
  EXPECT_EQ(checked_align(kMax, 32), std::nullopt);
}

RC_GTEST_PROP(Checked, AlignGivesTheNextMultiple, (std::uint32_t value, std::uint8_t exponent)) {
  const std::uint64_t alignment = std::uint64_t{1} << (exponent % 32);
  const auto aligned = checked_align(value, alignment);
  RC_ASSERT(aligned.has_value());
  RC_ASSERT(*aligned % alignment == 0U);
  RC_ASSERT(*aligned >= value);
  RC_ASSERT(*aligned - value < alignment);
}

}  // namespace
}  // namespace coe
