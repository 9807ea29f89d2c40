#include "coe/model/moe/kept_experts.h"

#include "coe/model/moe/ids.h"

#include "support/plain_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::plain_ids;
using ::testing::ElementsAre;

constexpr std::uint32_t kHighest = std::numeric_limits<std::uint32_t>::max();

TEST(ExpertSet, SortsAndCountsEachOnce) {
  const ExpertSet set = {ExpertId{7}, ExpertId{0}, ExpertId{7}, ExpertId{3}};
  EXPECT_EQ(plain_ids(set), (std::vector<std::uint32_t>{0, 3, 7}));
  EXPECT_EQ(set.size(), 3U);
  EXPECT_EQ(set, (ExpertSet{ExpertId{0}, ExpertId{3}, ExpertId{7}}));
  EXPECT_NE(set, (ExpertSet{ExpertId{0}, ExpertId{3}}));
  EXPECT_TRUE(ExpertSet().empty());
}

TEST(ExpertSet, KnowsItsMembersWhateverTheirIds) {
  const ExpertSet set = {ExpertId{0}, ExpertId{63}, ExpertId{70'000}, ExpertId{kHighest}};
  for (const std::uint32_t id : {0U, 63U, 70'000U, kHighest})
    EXPECT_TRUE(set.contains(ExpertId{id})) << id;
  for (const std::uint32_t id : {1U, 64U, 65'535U, 65'536U, 70'001U, kHighest - 1})
    EXPECT_FALSE(set.contains(ExpertId{id})) << id;
  EXPECT_LE(set.bits().size(), 65'536U);  // no 512 MB for one number in a file
  EXPECT_FALSE(ExpertSet().contains(ExpertId{0}));
}

TEST(ExpertSet, NamesPositionsAndTheIdsThatAreTooHigh) {
  const ExpertSet set = {ExpertId{2}, ExpertId{5}, ExpertId{9}};
  EXPECT_EQ(set.position(ExpertId{2}), 0U);
  EXPECT_EQ(set.position(ExpertId{9}), 2U);
  EXPECT_THAT(set.from(ExpertId{5}), ElementsAre(ExpertId{5}, ExpertId{9}));
  EXPECT_TRUE(set.from(ExpertId{10}).empty());
}

}  // namespace
}  // namespace coe
