#include "coe/base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coe {
namespace {

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
