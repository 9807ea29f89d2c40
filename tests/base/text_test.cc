#include "coe/base/text.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::value_of;

TEST(HumanBytes, CountsInPowersOfThousandWithThreeDigits) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(1000), "1.00 kB");
  EXPECT_EQ(human_bytes(21'907'008), "21.9 MB");
  EXPECT_EQ(human_bytes(9'720'000'000), "9.72 GB");
  EXPECT_EQ(human_bytes(123'400'000'000), "123 GB");
}

TEST(HumanBytes, ChangesUnitRatherThanShowFourDigits) {
  EXPECT_EQ(human_bytes(999'499), "999 kB");
  EXPECT_EQ(human_bytes(999'500), "1.00 MB");
  EXPECT_EQ(human_bytes(9'995), "10.0 kB");
  EXPECT_EQ(human_bytes(99'950), "100 kB");
}

TEST(ParseBytes, TellsPowersOfThousandFromThoseOf1024) {
  EXPECT_EQ(value_of(parse_bytes("12GB")), 12'000'000'000U);
  EXPECT_EQ(value_of(parse_bytes("12G")), 12'000'000'000U);
  EXPECT_EQ(value_of(parse_bytes("12 gb")), 12'000'000'000U);
  EXPECT_EQ(value_of(parse_bytes("12GiB")), 12'884'901'888U);
  EXPECT_EQ(value_of(parse_bytes("1.5kB")), 1500U);
  EXPECT_EQ(value_of(parse_bytes("1KiB")), 1024U);
  EXPECT_EQ(value_of(parse_bytes("2TiB")), 2U * 1'099'511'627'776U);
  EXPECT_EQ(value_of(parse_bytes("800MB")), 800'000'000U);
  EXPECT_EQ(value_of(parse_bytes("4096")), 4096U);
}

TEST(ParseBytes, RefusesWhatIsNoAmount) {
  for (const auto* text : {"", "GB", "12XB", "12GBs", "-1GB", "0", "nan", "1e30", "12 G B", "12Gi"})
    expect_error(parse_bytes(text), Code::kInvalidArgument, text);
}

TEST(ToolVersion, HasThreeNumbers) {
  EXPECT_THAT(std::string(tool_version()), ::testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}

TEST(ClosestMatch, FindsTypingErrors) {
  const std::vector<std::string> verbs = {"inspect", "profile", "mask", "prune", "verify"};
  EXPECT_EQ(closest_match("inspekt", verbs), "inspect");
  EXPECT_EQ(closest_match("purne", verbs), "");  // two of five letters
  EXPECT_EQ(closest_match("prun", verbs), "prune");
  EXPECT_EQ(closest_match("mask", verbs), "mask");
}

TEST(ClosestMatch, StaysSilentWhenNothingIsNear) {
  const std::vector<std::string> verbs = {"inspect", "profile"};
  EXPECT_EQ(closest_match("zebra", verbs), "");
  EXPECT_EQ(closest_match("anything", {}), "");
}

TEST(ClosestMatch, PrefersTheFirstOfEqualCandidates) {
  const std::vector<std::string> names = {"aab", "aac"};
  EXPECT_EQ(closest_match("aaa", names), "aab");
}

}  // namespace
}  // namespace coe
