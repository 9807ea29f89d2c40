// Passes 1 to 3 worked out by hand on the layer of ten_experts.h.
#include "coe/mask/builder.h"
#include "coe/mask/pass.h"
#include "coe/mask/recipe/passes/arbitrage.h"
#include "coe/mask/recipe/passes/whitelist.h"
#include "coe/model/moe/ids.h"

#include "mask/recipe/pass_support.h"
#include "mask/recipe/ten_experts.h"
#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <vector>

namespace coe::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(Tiers, ChangeAtTwoFourAndSix) {
  EXPECT_EQ(tier_of(0.0), 4U);
  EXPECT_EQ(tier_of(1.999), 4U);
  EXPECT_EQ(tier_of(2.0), 3U);
  EXPECT_EQ(tier_of(3.999), 3U);
  EXPECT_EQ(tier_of(4.0), 2U);
  EXPECT_EQ(tier_of(5.999), 2U);
  EXPECT_EQ(tier_of(6.0), 1U);
  EXPECT_EQ(tier_of(8.0), 1U);
}

TEST(Baseline, IsTheTopK) {
  EXPECT_EQ(kept(builder()), (Ids{0, 1, 2, 3, 4}));
  EXPECT_DOUBLE_EQ(builder().covered().mean, 40.0 / 55.0);
}

// --- whitelist

// Expert 8: average rank 2.0 and first 10 times, just enough; 9 misses by rank, 7 by count; 0 is in
// already. The weakest that is not whitelisted gives way: 4.
TEST(Whitelist, RescuesAtTheThresholds) {
  auto mask = builder();
  const std::vector<double> ranks = {0.5, 3, 3, 3, 3, 3, 3, 1.0, 2.0, 2.001};
  const auto listed =
      one_layer("tests", {9, 1, 1, 1, 1, 1, 1, 2, 7, 8}, ranks, {50, 0, 0, 0, 0, 0, 0, 9, 10, 99});
  const auto log = value_of(whitelist(mask, {&listed, 1}, {}));
  EXPECT_EQ(kept(mask), (Ids{0, 1, 2, 3, 8}));
  EXPECT_EQ(log.n_listed, 2U);
  ASSERT_EQ(log.swaps.size(), 1U);
  EXPECT_EQ(log.swaps[0], (MaskSwap{.layer = LayerId{7},
                                    .in = ExpertId{8},
                                    .out = ExpertId{4},
                                    .in_ordinal = 3,  // by `tests`: 0, 9, 8
                                    .out_ordinal = 5,
                                    .in_score = 7,
                                    .out_score = 6,
                                    .in_avg_rank = 2.0,
                                    .out_avg_rank = 7,
                                    .in_tier = 3,
                                    .out_tier = 1,
                                    .list = 0}));
  EXPECT_DOUBLE_EQ(log.before.mean, 40.0 / 55.0);
  EXPECT_DOUBLE_EQ(log.after.mean, 36.0 / 55.0);
}

// The weakest by score goes, whatever its tier: here 4 is near-primary.
TEST(Whitelist, EvictsByScoreNotByTier) {
  auto mask = builder(domain(kScores, {7, 7, 7, 7, 1, 7, 7, 7, 7, 7}));
  const auto listed = one_layer("tests", std::vector<double>(10, 1.0),
                                {9, 9, 9, 9, 9, 9, 1, 9, 9, 9}, std::vector<std::int64_t>(10, 10));
  EXPECT_EQ(pairs(value_of(whitelist(mask, {&listed, 1}, {})).swaps), (Pairs{{6, 4}}));
}

// Equal scores: what remains is the top by score with ties to the lower id, so the higher id goes.
TEST(Whitelist, LeavesTheTopByScoreWhereScoresAreEqual) {
  auto mask = builder(domain(std::vector<double>(10, 1.0)));
  const auto listed = one_layer("tests", std::vector<double>(10, 1.0),
                                {9, 9, 9, 9, 1, 9, 9, 9, 1, 1}, std::vector<std::int64_t>(10, 10));
  const auto log = value_of(whitelist(mask, {&listed, 1}, {}));
  EXPECT_EQ(kept(mask), (Ids{0, 1, 4, 8, 9}));
  EXPECT_EQ(pairs(log.swaps), (Pairs{{8, 3}, {9, 2}}));
}

// Any profile will do, but one must have both: 5 is whitelisted by the second, 6 by none, since it
// ranks high in the first and is first often in the second only.
TEST(Whitelist, AsksForBothInOneProfile) {
  auto mask = builder();
  const std::array listed = {
      one_layer("one", std::vector<double>(10, 1.0), {9, 9, 9, 9, 9, 9, 1, 9, 9, 9},
                {0, 0, 0, 0, 0, 0, 3, 0, 0, 0}),
      one_layer("two", std::vector<double>(10, 1.0), {9, 9, 9, 9, 9, 2, 3, 9, 9, 9},
                {0, 0, 0, 0, 0, 10, 99, 0, 0, 0})};
  const auto log = value_of(whitelist(mask, listed, {}));
  EXPECT_EQ(pairs(log.swaps), (Pairs{{5, 4}}));
  EXPECT_EQ(log.swaps[0].list, 1U);
}

TEST(Whitelist, ReportsMoreThanK_NamingThem) {
  auto mask = builder();
  const auto listed = one_layer("tests", std::vector<double>(10, 1.0),
                                {1, 1, 1, 9, 9, 9, 9, 1, 1, 1}, std::vector<std::int64_t>(10, 10));
  const auto refused = whitelist(mask, {&listed, 1}, {});
  expect_error(refused, Code::kInvalidArgument,
               "layer 7: the whitelist guarantees experts 0, 1, 2, 7, 8, 9 a place, more than the "
               "5 places");
  EXPECT_THAT(refused.error().hint, HasSubstr("larger K"));
  // One fewer fits exactly.
  auto full = builder();
  auto five = listed;
  five.n_first.at(0, 9) = 9;
  value_of(whitelist(full, {&five, 1}, {}));
  EXPECT_EQ(kept(full), (Ids{0, 1, 2, 7, 8}));
}

// --- arbitrage

// CoT's order outside the mask: 9 (1st), 5 (3rd), 7 (8th). 9 against 4 (5th) and 5 against 3
// (4th) are exchanged; 7 against 2 (3rd) is not.
TEST(Arbitrage, PairsInOrderAndStops) {
  auto mask = builder();
  const auto cot = one_layer("reasoning", {19, 16, 15, 14, 13, 17, 0, 12, 0, 20},
                             {1, 1, 1, 1, 1, 4, 8, 1, 8, 1.5});
  const auto log = value_of(arbitrate(mask, cot, {.cap = 6, .skip = 0}));
  EXPECT_EQ(pairs(log.swaps), (Pairs{{9, 4}, {5, 3}}));
  EXPECT_EQ(kept(mask), (Ids{0, 1, 2, 5, 9}));
  EXPECT_EQ(log.swaps[1], (MaskSwap{.layer = LayerId{7},
                                    .in = ExpertId{5},
                                    .out = ExpertId{3},
                                    .in_ordinal = 3,
                                    .out_ordinal = 4,
                                    .in_score = 17,
                                    .out_score = 7,
                                    .in_avg_rank = 4,
                                    .out_avg_rank = 6,
                                    .in_tier = 2,
                                    .out_tier = 1}));
  EXPECT_DOUBLE_EQ(log.after.mean, (10 + 9 + 8 + 5 + 1) / 55.0);
}

// A failing pair ends the layer even if a later one would pass: 8 (4th) against 2 (3rd, the only
// one of tier 1) fails; 9 (5th, average rank 1) against 1 (5th, average rank 5) would pass.
TEST(Arbitrage, StopsTheLayerAtTheFirstFailure) {
  // Domain order: 0, 3, 2, 4, 1; eviction: 2, then of tier 2 1, 4, 3.
  auto mask = builder(domain({10, 6, 8, 9, 7, 5, 4, 3, 2, 1}, {1, 5, 7, 5, 5, 7, 7, 7, 7, 7}));
  const auto cot =
      one_layer("reasoning", {20, 19, 18, 0, 0, 0, 0, 0, 17, 16}, {7, 7, 7, 7, 7, 7, 7, 7, 7, 1});
  EXPECT_THAT(value_of(arbitrate(mask, cot, {.cap = 6, .skip = 0})).swaps, IsEmpty());
  // Without the first candidate, 9 (5th) meets 2 (3rd) and fails as well.
  EXPECT_THAT(value_of(arbitrate(mask, cot, {.cap = 6, .skip = 1})).swaps, IsEmpty());
}

// Equal ordinals: only a lower average rank wins. Expert 4 is 5th with average rank 7 there.
TEST(Arbitrage, AtEqualOrdinalsTheLowerAverageRankWins) {
  const std::vector<double> scores = {20, 19, 18, 17, 0, 0, 0, 0, 0, 16};  // 9 is 5th
  std::vector<double> ranks(10, 7.0);
  ranks[9] = 6.999;
  auto lower = builder();
  EXPECT_EQ(pairs(value_of(arbitrate(lower, one_layer("r", scores, ranks), {})).swaps),
            (Pairs{{9, 4}}));
  ranks[9] = 7.0;
  auto equal = builder();
  EXPECT_THAT(value_of(arbitrate(equal, one_layer("r", scores, ranks), {})).swaps, IsEmpty());
  EXPECT_EQ(kept(equal), (Ids{0, 1, 2, 3, 4}));
}

// 9 for 4, 8 for 3, and 7 (3rd) for 2 (3rd) by its lower average rank.
TEST(Arbitrage, StopsAtItsCap) {
  for (std::uint32_t cap = 0; cap <= 3; ++cap) {
    auto mask = builder();
    const auto log = value_of(
        arbitrate(mask, one_layer("r", kReversed, std::vector<double>(10, 0.5)), {cap, 0}));
    Pairs expected = {{9, 4}, {8, 3}, {7, 2}};
    expected.resize(cap);
    EXPECT_EQ(pairs(log.swaps), expected);
  }
}

// skip 2: 9 and 8 are passed over, 7 (3rd) meets 4 (5th), 6 (4th) meets 3 (4th): equal places, and
// its average rank 7 is above 6.
TEST(Arbitrage, SkipsTheFirstCandidates) {
  auto mask = builder();
  const auto log = value_of(arbitrate(mask, one_layer("r", kReversed, kRanks), {6, 2}));
  EXPECT_EQ(pairs(log.swaps), (Pairs{{7, 4}}));
  auto none = builder();
  EXPECT_THAT(value_of(arbitrate(none, one_layer("r", kReversed, kRanks), {6, 5})).swaps,
              IsEmpty());
}

// All members near-primary but 2: one swap, then nothing may go.
TEST(Arbitrage, NeverEvictsTierFour) {
  auto mask = builder(domain(kScores, {0, 1, 2, 1.9, 1, 7, 7, 7, 7, 7}));
  const auto log = value_of(arbitrate(mask, one_layer("r", kReversed, kRanks), {6, 0}));
  EXPECT_EQ(pairs(log.swaps), (Pairs{{9, 2}}));
}

TEST(Arbitrage, NeverEvictsTheWhitelist) {
  auto mask = builder();
  const auto listed = one_layer("tests", std::vector<double>(10, 1.0),
                                {9, 9, 9, 9, 1, 9, 1, 9, 9, 9}, std::vector<std::int64_t>(10, 10));
  value_of(whitelist(mask, {&listed, 1}, {}));  // 6 for 3; 4 stays
  EXPECT_EQ(kept(mask), (Ids{0, 1, 2, 4, 6}));
  // Left to evict: 2 (3rd), 1 (2nd). 9 is 1st; 8 is 2nd, equal to 1, with a higher average rank.
  const auto log = value_of(arbitrate(mask, one_layer("r", kReversed, kRanks), {6, 0}));
  EXPECT_EQ(pairs(log.swaps), (Pairs{{9, 2}}));
}

// Tier 1 before 2 before 3, then the lowest score, then the lower id: 3 and 1 tie in tier 1.
TEST(Arbitrage, EvictsByTierThenScoreThenId) {
  auto mask = builder(domain({10, 7, 6, 7, 9, 1, 1, 1, 1, 1}, {5, 6, 3, 6, 7, 7, 7, 7, 7, 7}));
  const auto log = value_of(arbitrate(mask, one_layer("r", kReversed, kRanks), {3, 0}));
  // Domain places: 0, 4, 1, 3, 2. Evicted: 1 (3rd), 3 (4th), 4 (2nd) would be next.
  EXPECT_EQ(pairs(log.swaps), (Pairs{{9, 1}, {8, 3}}));
}

// Candidates tie: the lower id is first. Those never chosen are none.
TEST(Arbitrage, OrdersCandidatesByScoreThenId) {
  auto mask = builder();
  const auto log =
      value_of(arbitrate(mask, one_layer("r", {0, 0, 0, 0, 0, 0, 5, 5, 0, 0}, kRanks), {6, 0}));
  EXPECT_EQ(pairs(log.swaps), (Pairs{{6, 4}, {7, 3}}));
  EXPECT_EQ(log.swaps[0].in_ordinal, 1U);
  EXPECT_EQ(log.swaps[1].in_ordinal, 2U);
}

// What one profile brings in the next does not remove, though the domain scores it lowest.
TEST(Arbitrage, KeepsWhatEarlierPassesBroughtIn) {
  auto mask = builder();
  value_of(arbitrate(mask, one_layer("one", {0, 0, 0, 0, 0, 0, 0, 0, 0, 5}, kRanks), {1, 0}));
  const auto log =
      value_of(arbitrate(mask, one_layer("two", {0, 0, 0, 0, 0, 0, 0, 0, 5, 0}, kRanks), {1, 0}));
  EXPECT_EQ(pairs(log.swaps), (Pairs{{8, 3}}));
  EXPECT_EQ(kept(mask), (Ids{0, 1, 2, 8, 9}));
}

// At the other temperature, within the cap of 2, the first candidates are 9 and 7: 8 drops out and
// nothing takes its place.
TEST(TemperatureFilter, KeepsSwapsThatHoldAtBoth) {
  auto mask = builder();
  const auto warm = one_layer("t1", kReversed, kRanks);
  const auto cold = one_layer("t06", {1, 2, 3, 4, 5, 6, 7, 9, 8, 10}, kRanks);
  const auto log = value_of(arbitrate(mask, warm, {2, 0}, &cold));
  EXPECT_EQ(pairs(log.swaps), (Pairs{{9, 4}}));
  EXPECT_EQ(pairs(log.dropped), (Pairs{{8, 3}}));
  EXPECT_EQ(kept(mask), (Ids{0, 1, 2, 3, 9}));
}

// 8 is brought in at both, but at the other temperature for 4 (5th): there it is 4th, which does
// not hold against 3 (4th, average rank 6 below its 7).
TEST(TemperatureFilter, HoldsThePairToBothPlaces) {
  auto mask = builder();
  const auto warm = one_layer("t1", kReversed, kRanks);
  const auto cold = one_layer("t06", {20, 19, 18, 0, 0, 0, 0, 0, 17, 0}, kRanks);
  const auto log = value_of(arbitrate(mask, warm, {2, 0}, &cold));
  EXPECT_THAT(log.swaps, IsEmpty());  // 9 is never chosen at the other
  EXPECT_EQ(pairs(log.dropped), (Pairs{{9, 4}, {8, 3}}));
}

}  // namespace
}  // namespace coe::testing
