#include "coe/mask/score/score.h"

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/mask/score/choices.h"
#include "coe/mask/score/parts.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/top_k.h"
#include "coe/profile/routing/accumulators.h"
#include "coe/profile/routing/stats.h"

#include "support/expect.h"
#include "support/tiny_stats.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::empty_stats;
using ::coe::testing::expect_error;
using ::coe::testing::random_stats;
using ::coe::testing::shape_of;
using ::coe::testing::value_of;
using ::coe::testing::worked_stats;
using ::testing::ElementsAre;
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

// The same up to 16 units in the last place, where sums are longer.
void expect_near_rows(const ExpertTable<double>& table, const std::vector<double>& row) {
  ASSERT_EQ(table.n_expert(), row.size());
  for (std::size_t e = 0; e < row.size(); ++e)
    EXPECT_NEAR(table.at(0, e), row[e], 16 * 0x1.0p-53) << "layer 0, expert " << e;
}

ScoreOptions of_domain(const std::string& name) {
  ScoreOptions options;
  options.weights = {{name, 1.0}};
  return options;
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

// Lengths of the outputs: e0 2 2 3, e1 4 1 2, e2 6 2; layer 1 in reverse.
TEST(Score, MsanIsTheMeanSquareOverItsOwnTokens) {
  auto stats = css_only();
  stats.domains[0].output_square = {17, 21, 40, 0, 0, 40, 21, 17};
  expect_rows(value_of(compute_score(stats, options_of(Score::kMsan))), {17.0 / 3, 7, 20, 0});
  expect_error(compute_score(css_only(), options_of(Score::kMsan)), Code::kInvalidArgument,
               "score msan needs squares of expert outputs, which the profile does not hold");
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

// util of css: .5 .28125 .21875 0, of js: .25 0 .125 .625.
TEST(Score, MaxBlendKeepsWhatAnySubdomainNeeds) {
  expect_rows(value_of(compute_score(worked_stats(), options_of(Score::kUtil, Blend::kMax))),
              {0.5, 0.28125, 0.21875, 0.625});
  // reap is not normalised by itself: css sums to 3.625, js has .5, 0, .125 and .625.
  const auto reap = value_of(compute_score(worked_stats(), options_of(Score::kReap, Blend::kMax)));
  EXPECT_DOUBLE_EQ(reap.at(0, 0), std::max(1.5 / 3.625, 0.5 / 1.375));
  auto options = options_of(Score::kUtil, Blend::kMax);
  options.weights = {{"css", 1.0}};
  expect_rows(value_of(compute_score(worked_stats(), options)), {0.5, 0.28125, 0.21875, 0.0});
}

// One layer, R = 1: util of a sub-domain is its histogram over its tokens, with weights of 1.
RoutingStats stats_of(const std::vector<std::pair<std::string, std::vector<int>>>& domains,
                      const std::vector<double>& weights) {
  const auto n_expert = static_cast<std::uint32_t>(domains.front().second.size());
  auto stats = ::coe::testing::empty_stats(shape_of(1, n_expert, 1));
  for (std::size_t d = 0; d < domains.size(); ++d) {
    auto domain = DomainStats::zero(domains[d].first, weights[d], stats.shape, false);
    ::coe::testing::Sample sample;
    for (std::uint32_t e = 0; e < n_expert; ++e)
      for (int i = 0; i < domains[d].second[e]; ++i) sample.push_back({{e, 1.0}});
    ::coe::testing::add_sample(domain, stats.shape, {sample});
    stats.domains.push_back(std::move(domain));
  }
  return stats;
}

std::vector<std::uint32_t> kept(const RoutingStats& stats, const ScoreOptions& options) {
  auto ids = top_k(value_of(compute_score(stats, options)).row(0), {options.n_keep});
  std::sort(ids.begin(), ids.end());
  return ids;
}

// The worst sub-domain's coverage, on the mean over layers, of the top-K mask that `options` give.
double worst_coverage(const RoutingStats& stats, const ScoreOptions& options) {
  const auto score = value_of(compute_score(stats, options));
  double worst = 1.0;
  for (const auto& domain : stats.domains) {
    auto own = options_of(options.score, Blend::kSubdomain);
    own.weights = {{domain.name, 1.0}};
    const auto table = value_of(compute_score(stats, own));
    double sum = 0;
    for (std::size_t l = 0; l < score.n_layer(); ++l)
      for (const auto e : top_k(score.row(l), {options.n_keep})) sum += table.at(l, e);
    worst = std::min(worst, sum / static_cast<double>(score.n_layer()));
  }
  return worst;
}

// a: .6 .3 .1 0; b: 0 .1 .3 .6. At weights .9 and .1 the blend is .54 .28 .12 .06: it keeps 0 and
// 1, which cover .9 of a and .1 of b. The best pair for the worse off is 0 and 3: .6 of each.
TEST(MaxMin, ServesTheWorstCoveredBest) {
  const auto stats = stats_of({{"a", {6, 3, 1, 0}}, {"b", {0, 1, 3, 6}}}, {0.9, 0.1});
  auto options = options_of(Score::kUtil, Blend::kSubdomain);
  options.n_keep = 2;
  EXPECT_EQ(kept(stats, options), (std::vector<std::uint32_t>{0, 1}));
  EXPECT_DOUBLE_EQ(worst_coverage(stats, options), 0.1);
  options.blend = Blend::kMaxMin;
  EXPECT_EQ(kept(stats, options), (std::vector<std::uint32_t>{0, 3}));
  EXPECT_DOUBLE_EQ(worst_coverage(stats, options), 0.6);
  // The weights that are found give that mask as a plain blend, too.
  options.weights = value_of(maxmin_weights(stats, options));
  options.blend = Blend::kSubdomain;
  EXPECT_EQ(kept(stats, options), (std::vector<std::uint32_t>{0, 3}));
}

// Three that share nothing. At weights .8 .1 .1 the blend keeps both of a's and the first of b's,
// and covers nothing of c; one of each covers .6 of all.
TEST(MaxMin, FindsAWayBetweenThree) {
  const auto stats =
      stats_of({{"a", {6, 4, 0, 0, 0, 0}}, {"b", {0, 0, 6, 4, 0, 0}}, {"c", {0, 0, 0, 0, 6, 4}}},
               {0.8, 0.1, 0.1});
  auto options = options_of(Score::kUtil, Blend::kSubdomain);
  options.n_keep = 3;
  EXPECT_EQ(kept(stats, options), (std::vector<std::uint32_t>{0, 1, 2}));
  options.blend = Blend::kMaxMin;
  EXPECT_EQ(kept(stats, options), (std::vector<std::uint32_t>{0, 2, 4}));
  EXPECT_DOUBLE_EQ(worst_coverage(stats, options), 0.6);
}

// No blend keeps {0,1,2}, which would cover .6 of each: expert 3 has .4 in any of them, and not all
// three weights can be above 2/3. The plain blend stands.
TEST(MaxMin, CannotReachAMaskThatNoBlendGives) {
  const auto stats =
      stats_of({{"a", {6, 0, 0, 4}}, {"b", {0, 6, 0, 4}}, {"c", {0, 0, 6, 4}}}, {0.8, 0.1, 0.1});
  auto options = options_of(Score::kUtil, Blend::kMaxMin);
  options.n_keep = 3;
  EXPECT_EQ(kept(stats, options), (std::vector<std::uint32_t>{0, 1, 3}));
  EXPECT_DOUBLE_EQ(worst_coverage(stats, options), 0.4);
}

TEST(MaxMin, KeepsThePlainBlendWhereNothingIsBetter) {
  const auto stats = stats_of({{"a", {6, 3, 1, 0}}, {"b", {5, 4, 1, 0}}}, {0.75, 0.25});
  auto options = options_of(Score::kUtil, Blend::kMaxMin);
  options.n_keep = 2;
  EXPECT_EQ(value_of(maxmin_weights(stats, options)),
            (std::vector<std::pair<std::string, double>>{{"a", 0.75}, {"b", 0.25}}));
}

TEST(MaxMin, IsNeverWorseThanThePlainBlendAndOftenBetter) {
  int n_better = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const auto stats = random_stats(shape_of(3, 12, 3), {{"a", 0.6}, {"b", 0.3}, {"c", 0.1}}, seed);
    for (const Score score : {Score::kUtil, Score::kShare}) {
      auto options = options_of(score, Blend::kSubdomain);
      options.n_keep = 4;
      const double plain = worst_coverage(stats, options);
      options.blend = Blend::kMaxMin;
      const double best = worst_coverage(stats, options);
      EXPECT_GE(best, plain) << seed;
      n_better += best > plain ? 1 : 0;
    }
  }
  EXPECT_GT(n_better, 40);  // of 120
}

TEST(MaxMin, NeedsAKThatAMaskCanHave) {
  auto options = options_of(Score::kUtil, Blend::kMaxMin);
  expect_error(compute_score(worked_stats(), options), Code::kInvalidArgument, "K = 0");
  options.n_keep = 5;
  expect_error(compute_score(worked_stats(), options), Code::kInvalidArgument, "K = 5 is above");
  auto grouped = worked_stats();
  grouped.shape.n_expert_group = 2;
  options.n_keep = 3;
  expect_error(compute_score(grouped, options), Code::kInvalidArgument, "no multiple of 2");
  options.weights = {{"css", 1.0}, {"js", 3.0}};  // a start; they need not be equal
  options.n_keep = 2;
  EXPECT_TRUE(compute_score(grouped, options).has_value());
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
  for (const Blend blend : {Blend::kToken, Blend::kSample, Blend::kMax})
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
TEST(CountChoices, AreOverTheScoredSubdomains) {
  const auto both = value_of(count_choices(worked_stats(), {}));
  EXPECT_EQ(both.mass, 6);
  EXPECT_THAT(both.n_chosen.row(0), ElementsAre(4, 3, 3, 2));
  EXPECT_THAT(both.n_first.row(0), ElementsAre(2, 1, 1, 2));
  EXPECT_THAT(both.ranks.row(0), ElementsAre(2, 2, 2, 0));
  EXPECT_THAT(both.n_first.row(1), ElementsAre(2, 1, 1, 2));  // in reverse
  const auto js = value_of(count_choices(worked_stats(), of_domain("js")));
  EXPECT_EQ(js.mass, 2);
  EXPECT_THAT(js.n_chosen.row(0), ElementsAre(1, 0, 1, 2));
}

TEST(AverageRank, IsTheMeanRank) {
  const auto choices = value_of(count_choices(worked_stats(), {}));
  expect_rows(average_rank(choices, 2), {0.5, 2.0 / 3, 2.0 / 3, 0.0});
}

// css has samples of 3 and 1 tokens, js one of 2. Expert 0: by sample 2/3 at rank 0 and 1/3 at rank
// 1 of css, 1/2 at rank 1 of js, so (1/3 + 1/2) / (1 + 1/2) = 5/9. Expert 1: 1/3 and 1/3 + 1, so
// 0.8. Expert 2: 1 and 1/3 of css, 1/2 at rank 1 of js: (1/3 + 1/2) / (4/3 + 1/2) = 5/11.
TEST(AverageRank, BySampleCountsEverySampleAlike) {
  const auto choices =
      value_of(count_choices(worked_stats(), options_of(Score::kUtil, Blend::kSample)));
  EXPECT_EQ(choices.mass, 3);
  expect_near_rows(average_rank(choices, 2), {5.0 / 9, 0.8, 5.0 / 11, 0.0});
}

// Weights 3/4 and 1/4, h/N each. Expert 0: ranks 3/4 * 1/4 + 1/4 * 1/2 = 5/16 of 3/4 * 3/4 + 1/4 *
// 1/2 = 11/16. Expert 2: 5/16 of 3/4 * 1/2 + 1/4 * 1/2 = 1/2.
TEST(AverageRank, BySubdomainFollowsTheWeights) {
  auto options = options_of(Score::kUtil, Blend::kSubdomain);
  expect_near_rows(average_rank(value_of(count_choices(worked_stats(), options)), 2),
                   {5.0 / 11, 2.0 / 3, 0.625, 0.0});
  options.weights = {{"js", 1.0}};
  expect_rows(average_rank(value_of(count_choices(worked_stats(), options)), 2),
              {1.0, 2.0, 1.0, 0.0});
}

// The roles of a chat are one sub-domain: their tokens are added up before they are weighed.
TEST(Parts, JoinTheRolesOfASubdomain) {
  auto stats = worked_stats();
  stats.domains[0].name = "web/answer";
  stats.domains[1].name = "web/prompt";
  EXPECT_THAT(domain_names(stats), ElementsAre("web"));
  auto token = value_of(compute_score(stats, options_of(Score::kUtil)));
  auto blend = value_of(compute_score(stats, options_of(Score::kUtil, Blend::kSubdomain)));
  for (std::size_t e = 0; e < 4; ++e)
    EXPECT_NEAR(
        blend.at(0, e),
        token.at(0, e) / (token.at(0, 0) + token.at(0, 1) + token.at(0, 2) + token.at(0, 3)),
        1e-15);
  auto options = options_of(Score::kUtil, Blend::kToken);
  options.weights = {{"web", 1.0}};
  EXPECT_EQ(value_of(compute_score(stats, options)), token);
  options.weights = {{"web", 1.0}, {"web/answer", 1.0}};
  expect_error(compute_score(stats, options), Code::kInvalidArgument,
               "web/answer: sub-domain is weighted twice");
}

// Only the names of roles are roles: `js/react` is a sub-domain of its own.
TEST(Parts, LeaveOtherNamesWithSlashesApart) {
  auto stats = worked_stats();
  stats.domains[0].name = "js/react";
  stats.domains[1].name = "js/vue";
  EXPECT_THAT(domain_names(stats), ElementsAre("js/react", "js/vue"));
}

// 141 choices are 141 choices, at whatever ranks: sums of quotients would tell them apart.
TEST(Score, FreqOfEqualCountsIsEqual) {
  auto stats = empty_stats(shape_of(1, 4, 3));
  auto domain = DomainStats::zero("a", 1.0, stats.shape, false);
  domain.n_token = 1500;
  domain.n_sample = 1;
  domain.histograms = {1, 94, 46, 47, 47, 47, 46, 1, 94, 1406, 1358, 1313};
  stats.domains = {domain};
  const auto freq = value_of(compute_score(stats, options_of(Score::kFreq)));
  EXPECT_EQ(freq.at(0, 0), freq.at(0, 1));
  EXPECT_EQ(freq.at(0, 0), freq.at(0, 2));
  EXPECT_EQ(freq.at(0, 0), 141.0 / 1500.0);
}

TEST(AverageRank, IsNExpertUsedForAnExpertNeverChosen) {
  const auto choices = value_of(count_choices(css_only(), {}));
  expect_rows(average_rank(choices, 2), {1.0 / 3, 2.0 / 3, 0.5, 2.0});
}

// Expert 0: 3 of css's 4 tokens with a rank sum of 1, 1 of js's 2 with 1. At weights 3 and 1:
// (3/4*1 + 1/2*1) / (3/4*3 + 1/2*1) = 1.25/2.75. Expert 2: (3/4 + 1/2) / (3/4*2 + 1/2) = 0.625.
TEST(AverageRank, OfABlendWeighsEachProfilesTokensAlike) {
  const auto stats = worked_stats();
  const std::vector<Choices> choices = {value_of(count_choices(stats, of_domain("css"))),
                                        value_of(count_choices(stats, of_domain("js")))};
  const std::vector<double> weights = {3.0, 1.0};
  expect_near_rows(average_rank(choices, weights, 2), {1.25 / 2.75, 2.0 / 3, 0.625, 0.0});
}

TEST(BlendScores, IsTheWeightedMeanOfNormalisedRows) {
  ExpertTable<double> one(1, 2);
  one.values()[0] = 1;
  one.values()[1] = 3;
  ExpertTable<double> two(1, 2);
  two.values()[0] = 8;
  const std::vector<std::string> names = {"one", "two"};
  const std::vector<LayerId> layers = {LayerId{5}};
  const auto blend = value_of(blend_scores({one, two}, {3.0, 1.0}, names, layers));
  EXPECT_THAT(blend.row(0), ElementsAre(0.75 * 0.25 + 0.25, 0.75 * 0.75));
  two.values()[0] = 0;
  expect_error(blend_scores({one, two}, {3.0, 1.0}, names, layers), Code::kInvalidArgument,
               "two: layer 5: the scores sum to 0");
}

TEST(ScoreName, RoundTrips) {
  for (const Score score : kAll) EXPECT_EQ(value_of(score_from_name(score_name(score))), score);
  for (const Blend blend :
       {Blend::kToken, Blend::kSample, Blend::kSubdomain, Blend::kMax, Blend::kMaxMin})
    EXPECT_EQ(value_of(blend_from_name(blend_name(blend))), blend);
}

// docs/formats/keep-mask.md has the rows of the code, in their order.
TEST(ScoreRows, AreWhatTheDocumentationSays) {
  std::string table = "| score | formula | reads, beside choices | measures |\n|---|---|---|---|\n";
  for (const auto& row : score_rows()) {
    const auto accumulator =
        std::ranges::find_if(kAccumulators, [&](const auto& a) { return a.values == row.reads; });
    const std::string reads = row.reads == nullptr ? "" : fmt::format("`{}`", accumulator->name);
    table += fmt::format("| `{}` | {} | {} | {} |\n", row.name, row.formula, reads, row.help);
  }
  const auto doc = value_of(read_text(Path(COE_SOURCE_DIR) / "docs/formats/keep-mask.md"));
  EXPECT_THAT(doc, HasSubstr(table));
}

TEST(ScoreRows, NameWhatNeedsOutputs) {
  std::vector<std::string_view> names;
  for (const auto& row : score_rows())
    if (row.needs() != Kept::kAlways) names.push_back(row.name);
  EXPECT_THAT(names, ElementsAre("ean", "msan", "reap", "reap_sum", "share"));
  EXPECT_THAT(score_help(), HasSubstr("util (router weight that it gets), freq ("));
  EXPECT_THAT(score_help(), HasSubstr(" or random (chance, to compare with)"));
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
