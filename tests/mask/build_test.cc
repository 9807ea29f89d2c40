#include "coe/mask/build.h"

#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/ids.h"

#include "support/expect.h"
#include "support/plain_ids.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::plain_ids;
using ::coe::testing::value_of;

using Ids = std::map<std::uint32_t, std::vector<std::uint32_t>>;

ExpertTable<double> table_of(const std::vector<std::vector<double>>& rows) {
  ExpertTable<double> table(rows.size(), rows.front().size());
  for (std::size_t l = 0; l < rows.size(); ++l)
    std::copy(rows[l].begin(), rows[l].end(), table.row(l).begin());
  return table;
}

const std::vector<LayerId> kTwoLayers = {LayerId{1}, LayerId{3}};

TEST(TopKMask, KeepsTheBestOfEachLayer) {
  const auto score = table_of({{0.1, 0.4, 0.2, 0.3}, {0.9, 0.0, 0.8, 0.7}});
  const auto mask = value_of(top_k_mask(score, kTwoLayers, 2, 0));
  EXPECT_EQ(plain_ids(mask.layers()), (Ids{{1, {1, 3}}, {3, {0, 2}}}));
  EXPECT_EQ(mask.n_expert(), 4U);
}

TEST(TopKMask, BreaksTiesByLowerId) {
  const auto score = table_of({{0.0, 0.5, 0.5, 0.5}, {0.0, 0.0, 0.0, 0.0}});
  EXPECT_EQ(plain_ids(value_of(top_k_mask(score, kTwoLayers, 2, 0)).layers()),
            (Ids{{1, {1, 2}}, {3, {0, 1}}}));
  const auto signed_zero = table_of({{-0.0, 0.0, -1.0, 0.0}, {1, 2, 3, 4}});
  EXPECT_EQ(plain_ids(value_of(top_k_mask(signed_zero, kTwoLayers, 1, 1)).layers()),
            (Ids{{1, {0}}, {3, {3}}}));
}

// Experts 0-2 and 3-5: the three best of all are 0, 1, 2, yet each group keeps two.
TEST(TopKMask, KeepsTheSameNumberInEachGroup) {
  const auto score = table_of({{9, 8, 7, 1, 2, 3}, {0, 0, 0, 0, 0, 1}});
  EXPECT_EQ(plain_ids(value_of(top_k_mask(score, kTwoLayers, 4, 2)).layers()),
            (Ids{{1, {0, 1, 4, 5}}, {3, {0, 1, 3, 5}}}));
}

TEST(TopKMask, RefusesImpossibleBudgets) {
  const auto score = table_of({{1, 2, 3, 4}, {1, 2, 3, 4}});
  expect_error(top_k_mask(score, kTwoLayers, 0, 0), Code::kInvalidArgument, "K = 0");
  expect_error(top_k_mask(score, kTwoLayers, 5, 0), Code::kInvalidArgument,
               "K = 5 is above the 4 experts");
  expect_error(top_k_mask(score, kTwoLayers, 3, 2), Code::kInvalidArgument,
               "K = 3 is no multiple of 2 (2 expert groups, 1 experts a chunk)");
  expect_error(top_k_mask(score, kTwoLayers, 3, 3), Code::kInvalidArgument,
               "4 experts do not fill 3 equal groups");
  EXPECT_EQ(value_of(top_k_mask(score, kTwoLayers, 4, 2)).n_keep(), 4U);
}

TEST(TopKMask, KeepsChunksByTheirSum) {
  // Chunks score 5, 5.5, 4, 5: the second, then the first of the two equal ones.
  const auto score = table_of({{5, 0, 3, 2.5, 4, 0, 1, 4}, {0, 0, 9, 0, 0, 0, 0, 1}});
  const auto mask = value_of(top_k_mask(score, kTwoLayers, 4, 0, 2));
  EXPECT_EQ(plain_ids(mask.layers()).at(1), (std::vector<std::uint32_t>{0, 1, 2, 3}));
  EXPECT_EQ(plain_ids(mask.layers()).at(3), (std::vector<std::uint32_t>{2, 3, 6, 7}));
  // In two groups of two chunks each keeps its better one.
  const auto grouped = value_of(top_k_mask(score, kTwoLayers, 4, 2, 2));
  EXPECT_EQ(plain_ids(grouped.layers()).at(1), (std::vector<std::uint32_t>{2, 3, 6, 7}));
  expect_error(top_k_mask(score, kTwoLayers, 3, 0, 2), Code::kInvalidArgument,
               "K = 3 is no multiple of 2 (1 expert groups, 2 experts a chunk)");
}

TEST(TopKMask, RefusesScoresThatAreNotNumbers) {
  auto score = table_of({{1, 2, 3, 4}, {1, 2, 3, 4}});
  score.at(1, 2) = std::nan("");
  expect_error(top_k_mask(score, kTwoLayers, 2, 0), Code::kInvalidArgument,
               "layer 3: the score of expert 2 is nan");
  score.at(1, 2) = std::numeric_limits<double>::infinity();
  expect_error(top_k_mask(score, kTwoLayers, 2, 0), Code::kInvalidArgument,
               "layer 3: the score of expert 2 is inf");
}

// No removed expert beats a kept one, equal ones give way by id.
RC_GTEST_PROP(TopKMask, NoRemovedExpertOutranksAKeptOne, (std::uint64_t seed)) {
  const auto n_expert = *rc::gen::inRange<std::uint32_t>(1, 30);
  const auto n_keep = *rc::gen::inRange<std::uint32_t>(1, n_expert + 1);
  ExpertTable<double> score(1, n_expert);
  Rng rng(seed);
  for (double& value : score.values()) value = static_cast<double>(rng.below(5));  // many ties
  const auto mask = value_of(top_k_mask(score, {LayerId{0}}, n_keep, 0));
  RC_ASSERT(mask.n_keep() == n_keep);
  for (std::uint32_t a = 0; a < n_expert; ++a) {
    for (std::uint32_t b = 0; b < n_expert; ++b) {
      if (!mask.keeps(LayerId{0}, ExpertId{a}) || mask.keeps(LayerId{0}, ExpertId{b})) continue;
      RC_ASSERT(score.at(0, a) > score.at(0, b) || (score.at(0, a) == score.at(0, b) && a < b));
    }
  }
}

// Each of 20 experts should be kept in half of 2,000 random masks: chi-square with 19 degrees of
// freedom (for counts of masks, variance p(1-p) times 20/19) stays under 44 in all but 1 of 1,000
// cases. The seed is fixed, so the test is not a gamble.
TEST(TopKMask, UniformScoresGiveUniformMasks) {
  constexpr std::uint32_t kExperts = 20;
  constexpr double kMasks = 2000;
  std::vector<double> kept(kExperts, 0.0);
  Rng rng(42);
  for (int i = 0; i < static_cast<int>(kMasks); ++i) {
    ExpertTable<double> score(1, kExperts);
    for (double& value : score.values()) value = rng.uniform();
    const auto mask = value_of(top_k_mask(score, {LayerId{0}}, kExperts / 2, 0));
    for (const auto id : mask.layers().begin()->second) kept[id.value] += 1;
  }
  double chi_square = 0.0;
  for (const double count : kept)
    chi_square += (count - kMasks / 2) * (count - kMasks / 2) / (kMasks / 4) * 19 / 20;
  EXPECT_LT(chi_square, 44.0);
  EXPECT_GT(chi_square, 4.0);  // and is not suspiciously even
}

TEST(Coverage, IsKeptScoreOverTotal) {
  const auto score = table_of({{1, 2, 3, 4}, {0, 0, 1, 1}});
  const auto mask = value_of(top_k_mask(score, kTwoLayers, 2, 0));
  const auto result = coverage(mask, score, kTwoLayers);
  EXPECT_EQ(result.layers, (std::vector<double>{0.7, 1.0}));
  EXPECT_DOUBLE_EQ(result.mean, 0.85);
}

TEST(Coverage, IsZeroWithoutScoreOrLayer) {
  const auto score = table_of({{1, 1, 1, 1}, {0, 0, 0, 0}});
  const auto mask = value_of(top_k_mask(score, kTwoLayers, 2, 0));
  EXPECT_EQ(coverage(mask, score, kTwoLayers).layers, (std::vector<double>{0.5, 0.0}));
  EXPECT_EQ(coverage(mask, score, {LayerId{1}, LayerId{9}}).layers,
            (std::vector<double>{0.5, 0.0}));
}

}  // namespace
}  // namespace coe
