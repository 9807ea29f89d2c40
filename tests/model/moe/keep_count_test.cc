#include "coe/model/moe/keep_count.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::value_of;
using ::testing::ElementsAre;

ExpertGrid grid(std::uint32_t n_expert, std::uint32_t n_used, std::uint32_t n_group = 0,
                std::uint32_t n_chunk = 1) {
  return {{}, n_expert, n_used, n_group, n_chunk};
}

std::uint32_t of(const char* text, const ExpertGrid& shape) {
  return value_of(keep_count(value_of(parse_keep(text)), shape));
}

TEST(KeepCount, IsANumberAShareOrHalf) {
  EXPECT_EQ(value_of(parse_keep("64")), KeepCount{.n_keep = 64});
  EXPECT_EQ(value_of(parse_keep("half")), KeepCount{.share = 0.5});
  EXPECT_EQ(value_of(parse_keep("37.5%")), KeepCount{.share = 0.375});
  for (const auto* text : {"", "0", "-1", "64x", "0%", "100%", "%", "nan%", "Half", "6 4"})
    expect_error(parse_keep(text), Code::kInvalidArgument, text);
}

TEST(KeepCount, SharesAreRoundedDownToWhatGroupsAndChunksAllow) {
  EXPECT_EQ(of("half", grid(128, 8)), 64U);
  EXPECT_EQ(of("33%", grid(128, 8)), 42U);
  EXPECT_EQ(of("33%", grid(128, 8, 8)), 40U);
  EXPECT_EQ(of("1.1%", grid(1000, 8)), 11U);
  const auto both = grid(48, 8, 4, 3);
  EXPECT_EQ(keep_step(both), 12U);
  EXPECT_THAT(possible_counts(both), ElementsAre(12, 24, 36));
  EXPECT_EQ(of("99%", both), 36U);
  EXPECT_THAT(possible_counts(grid(16, 2, 4)), ElementsAre(8, 12));
  // A number is what it is: whoever says it is told where it cannot be.
  EXPECT_EQ(of("13", both), 13U);
}

TEST(KeepCount, AShareBelowWhatATokenUsesIsRefused) {
  const auto shape = grid(128, 8);
  EXPECT_EQ(of("7%", shape), 8U);
  expect_error(keep_count({.share = 0.05}, shape), Code::kInvalidArgument,
               "5 % of 128 experts are 6, too few for the 8 used");
}

}  // namespace
}  // namespace coe
