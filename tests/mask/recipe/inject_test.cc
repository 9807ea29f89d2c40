// Passes 4 and 5, exemptions, groups and chunks, and bad input, on the layer of ten_experts.h.
#include "coe/mask/builder.h"
#include "coe/mask/pass.h"
#include "coe/mask/recipe/passes/arbitrage.h"
#include "coe/mask/recipe/passes/closure.h"
#include "coe/mask/recipe/passes/exempt.h"
#include "coe/mask/recipe/passes/structural.h"
#include "coe/mask/recipe/passes/whitelist.h"
#include "coe/model/moe/ids.h"

#include "mask/recipe/pass_support.h"
#include "mask/recipe/ten_experts.h"
#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace coe::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// --- closure and structural injection

PassProfile firing(const std::string& name, const std::vector<std::int64_t>& n_chosen) {
  auto profile = one_layer(name, std::vector<double>(n_chosen.size(), 1.0),
                           std::vector<double>(n_chosen.size(), 3.0));
  for (std::size_t e = 0; e < n_chosen.size(); ++e) profile.n_chosen.at(0, e) = n_chosen[e];
  return profile;
}

// Means are 10 and 20. In both above the mean: 3, 8, 9; 5 in the first alone, 6 at the mean. 9 has
// the larger share of the two smaller ones (20/100 and 50/200; 8 has 30/100 and 30/200). 3 is in
// and safe, so 4 and then 2 give way.
TEST(Closure, BringsInWhatFiresInBoth) {
  auto mask = builder();
  const auto one = firing("one", {0, 0, 0, 11, 0, 29, 10, 0, 30, 20});
  const auto two = firing("two", {0, 0, 0, 60, 0, 20, 40, 0, 30, 50});
  const auto log = value_of(bring_in_closure(mask, one, two, {}));
  EXPECT_EQ(pairs(log.swaps), (Pairs{{9, 4}, {8, 2}}));
  EXPECT_EQ(kept(mask), (Ids{0, 1, 3, 8, 9}));
  EXPECT_EQ(log.n_listed, 3U);
  EXPECT_EQ(log.swaps[0].in_ordinal, 1U);
  EXPECT_DOUBLE_EQ(log.swaps[0].in_score, 0.2);
  EXPECT_DOUBLE_EQ(log.swaps[1].in_score, 0.15);
  EXPECT_THAT(log.left_out, IsEmpty());
  // Closure experts are safe afterwards, those that were in before, too: 1 alone may go.
  EXPECT_EQ(pairs(value_of(arbitrate(mask, one_layer("r", {0, 0, 0, 0, 0, 5, 4, 0, 0, 0}, kRanks),
                                     {6, 0}))
                      .swaps),
            (Pairs{{5, 1}}));
}

TEST(Closure, LiftMovesTheThreshold_AndCapStops) {
  const auto one = firing("one", {0, 0, 0, 11, 0, 29, 10, 0, 30, 20});
  const auto two = firing("two", {0, 0, 0, 60, 0, 20, 40, 0, 30, 50});
  auto at_all = builder();
  const auto log = value_of(bring_in_closure(at_all, one, two, {.cap = 2, .lift = 0.0}));
  EXPECT_EQ(log.n_listed, 5U);  // 3, 5, 6, 8, 9; by share: 9, 8, then 3 (.11), 5 and 6 (.1)
  EXPECT_EQ(pairs(log.swaps), (Pairs{{9, 4}, {8, 2}}));
  EXPECT_THAT(log.left_out, ElementsAre(LayerExpert{LayerId{7}, ExpertId{5}},
                                        LayerExpert{LayerId{7}, ExpertId{6}}));
  auto strict = builder();
  EXPECT_EQ(value_of(bring_in_closure(strict, one, two, {.cap = 2, .lift = 1.9})).n_listed,
            1U);  // 9: 2.0, 2.5
}

// Tier 4, the whitelist and closure experts fill the mask: nothing may go, and that is said.
TEST(Closure, WithAnEmptyPoolLeavesTheMaskAndSaysSo) {
  auto mask = builder(domain(kScores, {1, 1, 1, 1, 7, 7, 7, 7, 7, 7}));
  const auto one = firing("one", {0, 0, 0, 0, 50, 0, 0, 0, 0, 50});
  const auto log = value_of(bring_in_closure(mask, one, one, {}));
  EXPECT_THAT(log.swaps, IsEmpty());
  EXPECT_EQ(log.n_listed, 2U);
  EXPECT_THAT(log.left_out, ElementsAre(LayerExpert{LayerId{7}, ExpertId{9}}));
  EXPECT_EQ(kept(mask), (Ids{0, 1, 2, 3, 4}));
}

TEST(Closure, WithCapZeroProtectsNothing) {
  auto mask = builder();
  const auto one = firing("one", {0, 0, 0, 0, 50, 0, 0, 0, 0, 50});
  EXPECT_THAT(value_of(bring_in_closure(mask, one, one, {.cap = 0, .lift = 1.0})).left_out,
              IsEmpty());
  EXPECT_EQ(pairs(value_of(arbitrate(mask, one_layer("r", kReversed, kRanks), {1, 0})).swaps),
            (Pairs{{9, 4}}));
}

// 8, 3 (in already, so safe), 6: the first two missing ones take the places of 4 and 2; 5 is
// beyond the cap.
TEST(Structural, BringsInTheListInItsOrderUpToTheCap) {
  auto mask = builder();
  const std::vector<LayerExpert> list = {{LayerId{7}, ExpertId{8}},
                                         {LayerId{7}, ExpertId{3}},
                                         {LayerId{7}, ExpertId{6}},
                                         {LayerId{7}, ExpertId{5}}};
  const auto log = value_of(inject(mask, list, 2));
  EXPECT_EQ(pairs(log.swaps), (Pairs{{8, 4}, {6, 2}}));
  EXPECT_EQ(log.swaps[0].in_ordinal, 0U);
  EXPECT_THAT(log.left_out, ElementsAre(list[3]));
  EXPECT_EQ(kept(mask), (Ids{0, 1, 3, 6, 8}));
}

TEST(Structural, RefusesExpertsThatAreNotThere) {
  auto mask = builder();
  const std::vector<LayerExpert> layer = {{LayerId{6}, ExpertId{0}}};
  expect_error(inject(mask, layer, 1), Code::kInvalidArgument, "layer 6: the model has no experts");
  const std::vector<LayerExpert> high = {{LayerId{7}, ExpertId{10}}};
  expect_error(inject(mask, high, 1), Code::kInvalidArgument,
               "layer 7: names expert 10 but the experts are 0 to 9");
  const std::vector<LayerExpert> twice = {{LayerId{7}, ExpertId{5}}, {LayerId{7}, ExpertId{5}}};
  expect_error(inject(mask, twice, 0), Code::kInvalidArgument,
               "layer 7: names expert 5 more than once");
  expect_error(exempt(mask, twice), Code::kInvalidArgument, "more than once");
}

// 4 and 3 stay; 9, which the mask does not have, is not brought in.
TEST(Exempt, ExpertsAreNeverEvicted) {
  auto mask = builder();
  const std::vector<LayerExpert> list = {
      {LayerId{7}, ExpertId{4}}, {LayerId{7}, ExpertId{3}}, {LayerId{7}, ExpertId{9}}};
  expect_ok(exempt(mask, list));
  EXPECT_EQ(kept(mask), (Ids{0, 1, 2, 3, 4}));
  const auto listed = one_layer("tests", std::vector<double>(10, 1.0),
                                {9, 9, 9, 9, 9, 9, 1, 9, 9, 9}, std::vector<std::int64_t>(10, 10));
  EXPECT_EQ(pairs(value_of(whitelist(mask, {&listed, 1}, {})).swaps), (Pairs{{6, 2}}));
  EXPECT_EQ(pairs(value_of(arbitrate(mask, one_layer("r", kReversed, kRanks), {6, 0})).swaps),
            (Pairs{{9, 1}}));
  auto full = builder();
  expect_ok(exempt(full, list));
  const auto four = one_layer("tests", std::vector<double>(10, 1.0), {9, 9, 9, 9, 9, 9, 1, 1, 1, 1},
                              std::vector<std::int64_t>(10, 10));
  expect_error(whitelist(full, {&four, 1}, {}), Code::kInvalidArgument,
               "experts 6, 7, 8, 9 a place, more than the 5 places, 2 of them exempt");
}

// --- groups and chunks

// Two groups of five keep two each: 0, 1 and 5, 6. Every swap stays within its group: 9 and 8
// take the places of 6 and 5, 4 (3rd) fails
// against 1 (2nd).
TEST(Groups, SwapsStayWithinAGroup) {
  const std::vector<double> ranks(10, 7.0);
  auto mask = builder(domain(kScores, ranks), {4, 2, 1});
  EXPECT_EQ(kept(mask), (Ids{0, 1, 5, 6}));
  const auto cot = one_layer("r", {0, 0, 0, 0, 8, 0, 0, 0, 9, 10}, ranks);
  const auto log = value_of(arbitrate(mask, cot, {6, 0}));
  EXPECT_EQ(pairs(log.swaps), (Pairs{{9, 6}, {8, 5}}));
  EXPECT_EQ(kept(mask), (Ids{0, 1, 8, 9}));
}

// A failure ends its own group only.
TEST(Groups, AFailureEndsItsGroupOnly) {
  const std::vector<double> ranks(10, 7.0);
  auto mask = builder(domain(kScores, ranks), {4, 2, 1});
  // 4 (4th) fails against 1 (2nd); 9 (5th) passes against 6 (7th) afterwards.
  const auto cot = one_layer("r", {20, 19, 18, 0, 17, 0, 0, 0, 0, 16}, ranks);
  EXPECT_EQ(pairs(value_of(arbitrate(mask, cot, {6, 1})).swaps), (Pairs{{9, 6}}));
}

TEST(Groups, WhitelistFitsEachGroup) {
  auto mask = builder(domain(), {4, 2, 1});
  const auto three = one_layer("tests", std::vector<double>(10, 1.0),
                               {9, 9, 9, 9, 9, 9, 9, 1, 1, 1}, std::vector<std::int64_t>(10, 10));
  expect_error(whitelist(mask, {&three, 1}, {}), Code::kInvalidArgument,
               "guarantees experts 7, 8, 9 a place, more than the 2 places of group 1");
}

// Chunks {0,1} … {8,9} score 19, 15, 11, 7, 3; two are kept: 0-3. Expert 9 alone is whitelisted,
// and takes 8 along for 2 and 3. Then chunk {4,5} goes for {0,1}: its average rank is the lower of
// 3 and 7, so tier 3.
TEST(Chunks, AreExchangedWhole) {
  auto mask = builder(domain(kScores, {7, 3, 7, 7, 7, 7, 7, 7, 7, 7}), {4, 1, 2});
  const auto listed = one_layer("tests", std::vector<double>(10, 1.0),
                                {9, 9, 9, 9, 9, 9, 9, 9, 9, 1}, std::vector<std::int64_t>(10, 10));
  const auto log = value_of(whitelist(mask, {&listed, 1}, {}));
  EXPECT_EQ(kept(mask), (Ids{0, 1, 8, 9}));
  EXPECT_EQ(pairs(log.swaps), (Pairs{{8, 2}}));
  EXPECT_EQ(log.swaps[0].out_ordinal, 2U);
  const auto cot = one_layer("r", {0, 0, 0, 0, 3, 3, 0, 5, 0, 0}, {8, 8, 8, 8, 4, 0.5, 8, 1, 8, 8});
  const auto swaps = value_of(arbitrate(mask, cot, {6, 0})).swaps;
  ASSERT_EQ(pairs(swaps), (Pairs{{4, 0}}));  // equal places, average rank 0.5 below 3
  EXPECT_EQ(swaps[0].in_avg_rank, 0.5);
  EXPECT_EQ(swaps[0].out_tier, 3U);
  EXPECT_EQ(kept(mask), (Ids{4, 5, 8, 9}));
}

// --- bad input

TEST(Passes, RefuseTablesOfAnotherShapeAndScoresThatAreNoNumbers) {
  auto mask = builder();
  const auto narrow = one_layer("narrow", {1, 2, 3}, {1, 1, 1});
  expect_error(arbitrate(mask, narrow, {}), Code::kMismatch,
               "narrow: its tables are not of 1 layers with 10 experts");
  expect_error(whitelist(mask, {&narrow, 1}, {}), Code::kMismatch, "narrow");
  expect_error(bring_in_closure(mask, narrow, narrow, {}), Code::kMismatch, "narrow");
  auto infinite = one_layer("odd", kReversed, kRanks);
  infinite.score.at(0, 3) = std::numeric_limits<double>::infinity();
  expect_error(arbitrate(mask, infinite, {}), Code::kInvalidArgument,
               "odd: layer 7: the score of expert 3 is inf");
}

TEST(LayerExperts, AreReadFromPairs) {
  EXPECT_THAT(
      value_of(parse_layer_experts("[[0, 17], [3, 5]]", "l.json")),
      ElementsAre(LayerExpert{LayerId{0}, ExpertId{17}}, LayerExpert{LayerId{3}, ExpertId{5}}));
  EXPECT_THAT(value_of(parse_layer_experts("[]", "l.json")), IsEmpty());
  expect_error(parse_layer_experts("{}", "l.json"), Code::kCorrupt, "l.json: not a JSON list");
  expect_error(parse_layer_experts("[[1, 2]", "l.json"), Code::kCorrupt, "l.json: not a JSON list");
  for (const auto* bad : {"[[1,2],[3]]", "[[1,2],7]", "[[1,2],[3,-4]]", "[[1,2],[3,4.0]]",
                          "[[1,2],[3,4294967296]]", "[[1,2],[3,4,5]]"})
    expect_error(parse_layer_experts(bad, "l.json"), Code::kCorrupt, "l.json: item 1 is no pair");
}

}  // namespace
}  // namespace coe::testing
