#include "coe/score/score.h"

#include "coe/base/result.h"
#include "coe/moe/expert_table.h"
#include "coe/routing/stats.h"

#include "support/expect.h"
#include "support/tiny_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::random_stats;
using ::coe::testing::shape_of;
using ::coe::testing::value_of;
using ::coe::testing::worked_stats;
using ::testing::HasSubstr;

constexpr std::array kAll = {Score::kUtil,     Score::kFreq,  Score::kRank,
                             Score::kEan,      Score::kReap,  Score::kReapSum,
                             Score::kDecisive, Score::kShare, Score::kRandom};

ScoreOptions options_of(Score score, Blend blend = Blend::kToken) {
  ScoreOptions options;
  options.score = score;
  options.blend = blend;
  return options;
}

RoutingStats css_only() {
  auto stats = worked_stats();
  stats.domains.pop_back();
  return stats;
}

// Row 0 as expected, row 1 its mirror image, up to 4 units in the last place.
void expect_rows(const ExpertTable<double>& table, const std::vector<double>& row) {
  ASSERT_EQ(table.n_layer(), 2U);
  ASSERT_EQ(table.n_expert(), row.size());
  for (std::size_t e = 0; e < row.size(); ++e) {
    EXPECT_DOUBLE_EQ(table.at(0, e), row[e]) << "layer 0, expert " << e;
    EXPECT_DOUBLE_EQ(table.at(1, row.size() - 1 - e), row[e]) << "layer 1, mirror of expert " << e;
  }
}

// The sums of `css` (N = 4, S = 2), worked out from the tokens that stats_test lists:
//             h           weight_sum      decisive              norm  gated  share
//   expert 0  2 1         1.5   0.5       0.75    0             7     4.5    1.85
//   expert 1  1 2         0.5   0.625     0       0.21875       7     2.25   1.025
//   expert 2  1 1         0.625 0.25      0.15625 0.125         8     2.75   1.125
//   expert 3  never
TEST(Score, UtilIsFrequencyTimesMeanWeight) {
  // e0: 2/4 * 1.5/2 + 1/4 * 0.5; e1: 1/4 * 0.5 + 2/4 * 0.625/2; e2: 1/4 * 0.625 + 1/4 * 0.25
  expect_rows(value_of(compute_score(css_only(), options_of(Score::kUtil))),
              {0.5, 0.28125, 0.21875, 0.0});
}

TEST(Score, FreqIsChoicesPerToken) {
  expect_rows(value_of(compute_score(css_only(), options_of(Score::kFreq))),
              {0.75, 0.75, 0.5, 0.0});
}

TEST(Score, RankWeighsChoicesAndIsNotDividedByTokens) {
  // R = 2: weights 2/3 and 1/3. e0: 2*2/3 + 1/3; e1: 2/3 + 2*1/3; e2: 2/3 + 1/3
  expect_rows(value_of(compute_score(css_only(), options_of(Score::kRank))),
              {5.0 / 3, 4.0 / 3, 1.0, 0.0});
}

TEST(Score, EanIsMeanNormOverRoutedTokens) {
  expect_rows(value_of(compute_score(css_only(), options_of(Score::kEan))),
              {7.0 / 3, 7.0 / 3, 4.0, 0.0});
}

TEST(Score, ReapIsMeanGatedNormOverRoutedTokens) {
  expect_rows(value_of(compute_score(css_only(), options_of(Score::kReap))),
              {1.5, 0.75, 1.375, 0.0});
}

TEST(Score, ReapSumIsGatedNormPerToken) {
  expect_rows(value_of(compute_score(css_only(), options_of(Score::kReapSum))),
              {1.125, 0.5625, 0.6875, 0.0});
}

TEST(Score, DecisiveIsPerToken) {
  // e0: 0.75/4; e1: 0.21875/4; e2: 0.28125/4
  expect_rows(value_of(compute_score(css_only(), options_of(Score::kDecisive))),
              {0.1875, 0.0546875, 0.0703125, 0.0});
}

TEST(Score, ShareIsPerToken) {
  expect_rows(value_of(compute_score(css_only(), options_of(Score::kShare))),
              {0.4625, 0.25625, 0.28125, 0.0});
}

// With `js` added: N = 6; e0 h 2 2, w 1.5 1; e1 1 2, 0.5 0.625; e2 1 2, 0.625 0.5; e3 2 0, 1.25.
TEST(Score, TokenBlendSumsAccumulators) {
  expect_rows(value_of(compute_score(worked_stats(), options_of(Score::kUtil))),
              {2.5 / 6, 1.125 / 6, 1.125 / 6, 1.25 / 6});
  // gated_norm of js: e3 .75+.5, e2 .25, e0 .5; routed 4 3 3 2 times in all
  expect_rows(value_of(compute_score(worked_stats(), options_of(Score::kReap))),
              {5.0 / 4, 2.25 / 3, 3.0 / 3, 1.25 / 2});
}

// css: freq_by_sample e0 2/3 1/3, e1 1/3 4/3, e2 1 1/3; weight_mean_by_sample e0 .75 .5,
// e1 .5 .625, e2 .625 .25; S = 2.
TEST(Score, SampleBlendCountsEverySampleTheSame) {
  expect_rows(value_of(compute_score(css_only(), options_of(Score::kFreq, Blend::kSample))),
              {0.5, 5.0 / 6, 4.0 / 6, 0.0});
  // e0: 1/3*.375 + 1/6*.25; e1: 1/6*.25 + 2/3*.3125; e2: 1/2*.3125 + 1/6*.125
  expect_rows(value_of(compute_score(css_only(), options_of(Score::kUtil, Blend::kSample))),
              {1.0 / 6, 0.25, 0.15625 + 0.125 / 6, 0.0});
}

// util of css: .5 .28125 .21875 0, of js (N = 2): .25 0 .125 .625; both sum to 1.
TEST(Score, SubdomainBlendUsesTheProfilesWeights) {
  expect_rows(
      value_of(compute_score(worked_stats(), options_of(Score::kUtil, Blend::kSubdomain))),
      {0.75 * 0.5 + 0.25 * 0.25, 0.75 * 0.28125, 0.75 * 0.21875 + 0.25 * 0.125, 0.25 * 0.625});
}

TEST(Score, SubdomainBlendTakesOtherWeightsAndNormalisesThem) {
  auto options = options_of(Score::kUtil, Blend::kSubdomain);
  options.weights = {{"js", 3.0}, {"css", 1.0}};
  expect_rows(
      value_of(compute_score(worked_stats(), options)),
      {0.25 * 0.5 + 0.75 * 0.25, 0.25 * 0.28125, 0.25 * 0.21875 + 0.75 * 0.125, 0.75 * 0.625});
  options.weights = {{"js", 2.0}};  // alone: css is left out
  expect_rows(value_of(compute_score(worked_stats(), options)), {0.25, 0.0, 0.125, 0.625});
}

// reap of css sums to 3.625: rows are divided by their sum first.
TEST(Score, SubdomainBlendNormalisesRows) {
  auto options = options_of(Score::kReap, Blend::kSubdomain);
  options.weights = {{"css", 1.0}};
  expect_rows(value_of(compute_score(worked_stats(), options)),
              {1.5 / 3.625, 0.75 / 3.625, 1.375 / 3.625, 0.0});
  for (const Score score : kAll) {
    if (score == Score::kRandom) continue;
    const auto stats = random_stats(shape_of(3, 8, 3), {{"a", 0.2}, {"b", 0.8}}, 5);
    const auto table = value_of(compute_score(stats, options_of(score, Blend::kSubdomain)));
    for (std::size_t l = 0; l < 3; ++l) {
      const auto row = table.row(l);
      EXPECT_NEAR(std::accumulate(row.begin(), row.end(), 0.0), 1.0, 1e-12) << score_name(score);
    }
  }
}

TEST(Score, EqualWeightsChooseSubdomainsInTheTokenBlend) {
  auto options = options_of(Score::kUtil);
  options.weights = {{"css", 0.5}, {"js", 0.0}};
  EXPECT_EQ(value_of(compute_score(worked_stats(), options)),
            value_of(compute_score(css_only(), options_of(Score::kUtil))));
  options.weights = {{"css", 0.5}, {"js", 0.5}};
  EXPECT_EQ(value_of(compute_score(worked_stats(), options)),
            value_of(compute_score(worked_stats(), options_of(Score::kUtil))));
}

// Own weights of 0 matter to the sub-domain blend only.
TEST(Score, OwnWeightsLeaveTheTokenBlendAlone) {
  auto stats = worked_stats();
  stats.domains[1].weight = 0.0;
  EXPECT_EQ(value_of(compute_score(stats, options_of(Score::kUtil))),
            value_of(compute_score(worked_stats(), options_of(Score::kUtil))));
  expect_rows(value_of(compute_score(stats, options_of(Score::kUtil, Blend::kSubdomain))),
              {0.5, 0.28125, 0.21875, 0.0});
}

TEST(Score, RandomDependsOnSeedAloneAndIsTheSameEverywhere) {
  auto options = options_of(Score::kRandom);
  options.seed = 1;
  const auto a = value_of(compute_score(worked_stats(), options));
  options.blend = Blend::kSubdomain;
  EXPECT_EQ(value_of(compute_score(css_only(), options)), a);
  options.seed = 2;
  EXPECT_NE(value_of(compute_score(worked_stats(), options)), a);
  // First output of SplitMix64 from seed 0 is 0xe220a8397b1dcdaf: its high 53 bits over 2^53.
  options.seed = 0;
  EXPECT_EQ(value_of(compute_score(worked_stats(), options)).at(0, 0),
            static_cast<double>(0xe220a8397b1dcdafU >> 11) * 0x1.0p-53);
}

TEST(Score, NeedsOutputsForNorms) {
  const auto stats = random_stats(shape_of(2, 4, 2), {{"a", 1.0}}, 1, false);
  for (const Score score : {Score::kEan, Score::kReap, Score::kReapSum, Score::kShare})
    expect_error(compute_score(stats, options_of(score)), Code::kInvalidArgument,
                 "score " + std::string(score_name(score)) + " needs expert outputs");
  for (const Score score : {Score::kUtil, Score::kFreq, Score::kRank, Score::kDecisive})
    EXPECT_TRUE(compute_score(stats, options_of(score)).has_value()) << score_name(score);
}

TEST(Score, SampleBlendKnowsUtilAndFreqOnly) {
  for (const Score score :
       {Score::kRank, Score::kEan, Score::kReap, Score::kReapSum, Score::kDecisive, Score::kShare})
    expect_error(compute_score(worked_stats(), options_of(score, Blend::kSample)),
                 Code::kInvalidArgument,
                 "score " + std::string(score_name(score)) + " cannot be aggregated by sample");
}

TEST(Score, RefusesBadWeights) {
  const auto with = [](std::vector<std::pair<std::string, double>> weights,
                       Blend blend = Blend::kSubdomain) {
    auto options = options_of(Score::kUtil, blend);
    options.weights = std::move(weights);
    return compute_score(worked_stats(), options);
  };
  const auto unknown = with({{"cs", 1.0}});
  expect_error(unknown, Code::kInvalidArgument, "cs: the profile has no such sub-domain");
  EXPECT_EQ(unknown.error().hint, "did you mean `css`?");
  EXPECT_EQ(with({{"fortran", 1.0}}).error().hint, "it has css, js");
  expect_error(with({{"js", 1.0}, {"js", 2.0}}), Code::kInvalidArgument, "js: sub-domain is");
  expect_error(with({{"js", -1.0}}), Code::kInvalidArgument, "js: weight -1");
  expect_error(with({{"js", std::nan("")}}), Code::kInvalidArgument, "js: weight nan");
  expect_error(with({{"js", std::numeric_limits<double>::infinity()}}), Code::kInvalidArgument,
               "js: weight inf");
  expect_error(with({{"js", 0.0}}), Code::kInvalidArgument, "no sub-domain has a weight above 0");
  for (const Blend blend : {Blend::kToken, Blend::kSample})
    expect_error(with({{"css", 1.0}, {"js", 2.0}}, blend), Code::kInvalidArgument,
                 "js: the `" + std::string(blend_name(blend)) + "` aggregate takes no weights");
}

TEST(Score, NeedsTokens) {
  auto stats = worked_stats();
  stats.domains[1] = DomainStats::zero("js", 0.25, stats.shape, true);
  EXPECT_TRUE(compute_score(stats, options_of(Score::kUtil)).has_value());
  expect_error(compute_score(stats, options_of(Score::kUtil, Blend::kSubdomain)),
               Code::kInvalidArgument, "js: has no tokens");
  stats.domains.erase(stats.domains.begin());
  expect_error(compute_score(stats, options_of(Score::kUtil)), Code::kInvalidArgument,
               "the profile: has no tokens");
  expect_error(compute_score(stats, options_of(Score::kUtil, Blend::kSample)),
               Code::kInvalidArgument, "the profile: has no tokens");
}

TEST(Score, DecisiveNeedsTwoExpertsPerToken) {
  const auto stats = random_stats(shape_of(2, 4, 1), {{"a", 1.0}}, 1);
  expect_error(compute_score(stats, options_of(Score::kDecisive)), Code::kInvalidArgument,
               "uses only one");
}

// A selection bias can make `decisive` negative; dividing by such a sum would turn the order round.
TEST(Score, RefusesToNormaliseByNothing) {
  auto stats = css_only();
  for (double& value : stats.domains[0].decisive) value = -value;
  const auto options = options_of(Score::kDecisive, Blend::kSubdomain);
  expect_error(compute_score(stats, options), Code::kInvalidArgument,
               "css: layer 0: the scores sum to -0.3125");
  EXPECT_TRUE(compute_score(stats, options_of(Score::kDecisive)).has_value());
}

// e0: ranks 0 0 1 of css and 1 of js; e1: 0 1 1; e2: 0 1 and 1; e3: 0 0 of js.
TEST(AverageRank, IsOverAllSubdomains) {
  expect_rows(average_rank(worked_stats()), {0.5, 2.0 / 3, 2.0 / 3, 0.0});
}

TEST(AverageRank, IsNExpertUsedForAnExpertNeverChosen) {
  expect_rows(average_rank(css_only()), {1.0 / 3, 2.0 / 3, 0.5, 2.0});
}

TEST(ScoreName, RoundTrips) {
  for (const Score score : kAll) EXPECT_EQ(value_of(score_from_name(score_name(score))), score);
  for (const Blend blend : {Blend::kToken, Blend::kSample, Blend::kSubdomain})
    EXPECT_EQ(value_of(blend_from_name(blend_name(blend))), blend);
}

TEST(ScoreName, UnknownNameHasAHint) {
  const auto close = score_from_name("utll");
  expect_error(close, Code::kInvalidArgument, "utll: unknown score");
  EXPECT_EQ(close.error().hint, "did you mean `util`?");
  EXPECT_THAT(score_from_name("magic").error().hint, HasSubstr("util, freq, rank, ean"));
  const auto blend = blend_from_name("tokens");
  expect_error(blend, Code::kInvalidArgument, "tokens: unknown aggregate");
  EXPECT_EQ(blend.error().hint, "did you mean `token`?");
}

}  // namespace
}  // namespace coe
