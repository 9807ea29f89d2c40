#include "coe/profile/stability.h"

#include "coe/base/rng.h"
#include "coe/engine/fake_engine.h"
#include "coe/model/moe/top_k.h"
#include "coe/profile/profile.h"
#include "coe/profile/stability_report.h"

#include "profile/fake_run.h"
#include "support/expect.h"
#include "support/fake_model.h"
#include "support/tiny_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::corpus_of;
using ::coe::testing::expect_error;
using ::coe::testing::fake_model;
using ::coe::testing::shape_of;
using ::coe::testing::value_of;
using ::testing::HasSubstr;
using Json = nlohmann::json;

Stability watch(const ExpertGrid& shape, std::uint32_t n_keep,
                std::optional<double> stop_at = std::nullopt) {
  return value_of(Stability::create(shape, {n_keep, stop_at}));
}

// One layer of four experts, K = 2, samples of ten tokens. Weight sums after each sample, and the
// mask: 4 3 2 1 {0,1} | 5 4 7 4 {2,0} | 5 9 8 8 {1,2} and so on.
TEST(Stability, ComparesTheMaskWithThatOfHalfTheText) {
  auto stability = watch(shape_of(1, 4, 2), 2);
  stability.add_sample(0, 10, std::vector<double>{4, 3, 2, 1});
  EXPECT_EQ(stability.last_point(), nullptr);  // no half yet
  stability.add_sample(1, 10, std::vector<double>{1, 1, 5, 3});
  ASSERT_NE(stability.last_point(), nullptr);
  EXPECT_EQ(stability.last_point()->n_token, 20);
  EXPECT_EQ(stability.last_point()->n_half, 10);
  EXPECT_DOUBLE_EQ(stability.last_point()->jaccard, 1.0 / 3);  // {0,2} and {0,1}
  stability.add_sample(2, 10, std::vector<double>{0, 5, 1, 4});
  EXPECT_EQ(stability.last_point()->n_half, 10);               // 20 is beyond half of 30
  EXPECT_DOUBLE_EQ(stability.last_point()->jaccard, 1.0 / 3);  // {1,2} and {0,1}
  stability.add_sample(3, 10, std::vector<double>{0, 0, 0, 0});
  EXPECT_EQ(stability.last_point()->n_half, 20);
  EXPECT_DOUBLE_EQ(stability.last_point()->jaccard, 1.0 / 3);  // {1,2} and {0,2}
  stability.add_sample(4, 40, std::vector<double>{0, 0, 0, 0});
  EXPECT_EQ(stability.last_point()->n_half, 40);
  EXPECT_EQ(stability.last_point()->jaccard, 1.0);
  EXPECT_EQ(stability.last_point()->lower, std::nullopt);  // five samples say nothing
  // p = 5/30, 9/30, 8/30, 8/30.
  const double entropy =
      -(5.0 / 30 * std::log(5.0 / 30) + 0.3 * std::log(0.3) + 2 * 8.0 / 30 * std::log(8.0 / 30)) /
      std::log(4.0);
  EXPECT_NEAR(stability.last_point()->entropy, entropy, 1e-15);
}

TEST(Stability, EntropyIsOneForEqualExpertsAndZeroForOne) {
  auto even = watch(shape_of(1, 4, 2), 2);
  even.add_sample(0, 10, std::vector<double>{1, 1, 1, 1});
  EXPECT_DOUBLE_EQ(even.report(false).entropy[0], 1.0);
  auto single = watch(shape_of(1, 4, 2), 2);
  single.add_sample(0, 10, std::vector<double>{0, 7, 0, 0});
  EXPECT_EQ(single.report(false).entropy[0], 0.0);
}

// The n-th sample has weight in the n-th expert alone, so that a replicate's sums are its draws.
std::vector<double> only(std::size_t expert, std::size_t n_expert) {
  std::vector<double> utility(n_expert, 0.0);
  utility[expert] = 1.0;
  return utility;
}

TEST(Stability, DrawsCopiesFromAPoissonDistributionOfMeanOne) {
  constexpr std::size_t kSamples = 400;
  auto stability = watch(shape_of(1, kSamples, 2), 2);
  for (std::size_t i = 0; i < kSamples; ++i) stability.add_sample(i, 1, only(i, kSamples));
  const auto& draws = stability.state().replicates;
  ASSERT_EQ(draws.size(), kReplicates * kSamples);
  const auto n = static_cast<double>(draws.size());
  double sum = 0;
  double squares = 0;
  double zeros = 0;
  for (const double draw : draws) {
    sum += draw;
    squares += (draw - 1) * (draw - 1);
    zeros += draw == 0 ? 1 : 0;
  }
  // Five standard errors: those of the mean (variance 1), of the variance (fourth moment 4, so
  // 4 - 1) and of a share of 1/e.
  EXPECT_NEAR(sum / n, 1.0, 5 * std::sqrt(1 / n));
  EXPECT_NEAR(squares / n, 1.0, 5 * std::sqrt(3 / n));
  EXPECT_NEAR(zeros / n, std::exp(-1.0), 5 * std::sqrt(0.2325 / n));
}

TEST(Stability, DrawsFromTheSamplesIndexAlone) {
  auto forward = watch(shape_of(1, 30, 2), 2);
  auto backward = watch(shape_of(1, 30, 2), 2);
  for (std::size_t i = 0; i < 30; ++i) {
    forward.add_sample(i, 1, only(i, 30));
    backward.add_sample(29 - i, 1, only(29 - i, 30));
  }
  EXPECT_EQ(forward.state().replicates, backward.state().replicates);
}

// Experts whose means differ, with noise: the text is alike throughout.
std::vector<double> noisy(Rng& rng, const ExpertGrid& shape, double noise) {
  std::vector<double> utility(shape.n_flat());
  for (std::size_t i = 0; i < utility.size(); ++i)
    utility[i] = static_cast<double>(i % shape.n_expert + 1) + noise * rng.uniform();
  return utility;
}

// The bound and the memberships, worked out again from the replicates' sums.
TEST(Stability, BoundIsTheTenthLowestOfTheReplicates) {
  const auto shape = shape_of(3, 16, 2);
  auto stability = watch(shape, 5);
  Rng rng(3);
  for (std::uint64_t i = 0; i < 64; ++i) stability.add_sample(i, 10, noisy(rng, shape, 40));
  const auto report = stability.report(false);
  ASSERT_FALSE(report.points.empty());
  ASSERT_EQ(report.points.back().n_token, 640);

  const auto kept = [&](auto sums) {
    std::vector<std::set<std::uint32_t>> layers;
    for (std::size_t l = 0; l < 3; ++l) {
      const std::vector<double> row(sums + l * 16, sums + (l + 1) * 16);
      const auto ids = top_k(row, {.n_keep = 5});
      layers.emplace_back(ids.begin(), ids.end());
    }
    return layers;
  };
  const auto& state = stability.state();
  const auto mask = kept(state.sums.data());
  std::vector<double> means;
  ExpertTable<double> membership(3, 16);
  for (std::size_t b = 0; b < kReplicates; ++b) {
    const auto other = kept(state.replicates.data() + b * 48);
    double sum = 0;
    for (std::size_t l = 0; l < 3; ++l) {
      const auto n_both = std::count_if(other[l].begin(), other[l].end(),
                                        [&](auto e) { return mask[l].contains(e); });
      sum += static_cast<double>(n_both) / (10.0 - static_cast<double>(n_both));
      for (const auto e : other[l]) membership.at(l, e) += 1.0 / kReplicates;
    }
    means.push_back(sum / 3);
  }
  std::sort(means.begin(), means.end());
  EXPECT_LT(means[9], means[100]);  // else there is nothing to tell apart
  EXPECT_DOUBLE_EQ(*report.points.back().lower, means[9]);
  for (std::size_t i = 0; i < 48; ++i)
    EXPECT_NEAR(report.membership.values()[i], membership.values()[i], 1e-12) << i;
}

TEST(Stability, IsReachedByTextThatIsAlikeAndNotByTextThatTurns) {
  const auto shape = shape_of(2, 16, 2);
  auto alike = watch(shape, 8, 0.95);
  auto turning = watch(shape, 8, 0.95);
  Rng rng(7);
  bool was_stable = false;
  for (std::uint64_t i = 0; i < 200; ++i) {
    auto utility = noisy(rng, shape, 1);
    alike.add_sample(i, 10, utility);
    // The second half of the text wants the other experts, and more.
    if (i >= 100) {
      std::reverse(utility.begin(), utility.end());
      for (double& value : utility) value *= 3;
    }
    turning.add_sample(i, 10, utility);
    was_stable |= i >= 150 && turning.is_stable();
  }
  EXPECT_TRUE(alike.is_stable());
  EXPECT_FALSE(was_stable);
}

TEST(Stability, NeedsItsBoundToo) {
  const auto shape = shape_of(1, 4, 2);
  auto stability = watch(shape, 2, 0.9);
  for (std::uint64_t i = 0; i < 19; ++i) {
    stability.add_sample(i, 10, std::vector<double>{4, 3, 2, 1});
    EXPECT_FALSE(stability.is_stable()) << i;  // the index is 1 from the second on
  }
  while (stability.last_point()->n_sample < 20)
    stability.add_sample(20, 10, std::vector<double>{4, 3, 2, 1});
  EXPECT_TRUE(stability.is_stable());
}

TEST(Stability, RefusesWhatNoMaskCanBe) {
  const auto create = [](const StabilityOptions& options, std::uint32_t n_group = 1) {
    auto shape = shape_of(1, 8, 2);
    shape.n_expert_group = n_group;
    return Stability::create(shape, options);
  };
  expect_error(create({.n_keep = 1}), Code::kInvalidArgument, "no mask keeps 1 of 8 experts");
  expect_error(create({.n_keep = 8}), Code::kInvalidArgument, "no mask keeps 8 of 8 experts");
  expect_error(create({.n_keep = 5}, 4), Code::kInvalidArgument, "K = 5 is no multiple of 4");
  for (const double threshold : {0.0, 1.01, -1.0, std::nan("")})
    expect_error(create({.n_keep = 4, .stop_at = threshold}), Code::kInvalidArgument,
                 "cannot be reached");
  EXPECT_EQ(value_of(create({})).n_keep(), 4U);
  EXPECT_EQ(value_of(create({}, 4)).n_keep(), 4U);
  // Half would be less than a token uses.
  EXPECT_EQ(value_of(Stability::create(shape_of(1, 8, 6), {})).n_keep(), 6U);
}

TEST(Stability, KeepsLittleInMemory) {
  const auto bytes = [](std::uint32_t n_layer, std::uint32_t n_expert) {
    const auto shape = shape_of(n_layer, n_expert, 8);
    auto stability = watch(shape, n_expert / 2);
    const std::vector<double> utility(shape.n_flat(), 1.0);
    for (std::uint64_t i = 0; i < 3; ++i) stability.add_sample(i, 100, utility);
    const auto& state = stability.state();
    std::size_t total =
        state.sums.size() * sizeof(double) + state.replicates.size() * sizeof(float);
    for (const auto& snapshot : state.snapshots) total += snapshot.mask.size();
    return total;
  };
  EXPECT_LT(bytes(30, 128), 3'200'000U);
  EXPECT_LT(bytes(60, 512), 25'000'000U);
}

TEST(UntilStable, StopsEarlyAndSaysSo) {
  FakeEngine engine({});
  ProfileOptions options;
  options.stability = StabilityOptions{.n_keep = 4, .stop_at = 0.9};
  const auto corpus = corpus_of(300);
  const auto run = value_of(
      run_profile(engine, fake_model(engine), corpus, options, {}, "c", silent_observer()));
  ASSERT_TRUE(run.stability);
  EXPECT_TRUE(run.stability->stopped);
  EXPECT_LT(run.stats.n_sample(), 600);
  EXPECT_GE(run.stats.n_sample(), kMinSamples);
  EXPECT_EQ(run.stability->points.back().n_token, run.stats.n_token());
  EXPECT_GE(run.stability->points.back().jaccard, 0.9);
  EXPECT_GE(*run.stability->points.back().lower, 0.9);
  EXPECT_EQ(run.stats.settings,
            "max_tokens=1024 outputs=1 shard=1/1 until_stable=0.9 stability_keep=4");
  // Both sub-domains are in what was seen.
  EXPECT_EQ(run.stats.domains.size(), 2U);
  EXPECT_NEAR(static_cast<double>(run.stats.domains[0].n_sample),
              static_cast<double>(run.stats.domains[1].n_sample), 1.0);
}

// Watching changes nothing.
TEST(UntilStable, WatchingLeavesTheProfileAsItIs) {
  FakeEngine engine({});
  ProfileOptions options;
  const auto plain =
      value_of(run_profile(engine, fake_model(engine), corpus_of(20), options, silent_observer()));
  options.stability = StabilityOptions{.n_keep = 4};
  const auto watched =
      value_of(run_profile(engine, fake_model(engine), corpus_of(20), options, silent_observer()));
  EXPECT_EQ(watched.settings, plain.settings);
  for (std::size_t d = 0; d < 2; ++d) {
    EXPECT_EQ(watched.domains[d].weight_sum, plain.domains[d].weight_sum);
    EXPECT_EQ(watched.domains[d].decisive, plain.domains[d].decisive);
    EXPECT_EQ(watched.domains[d].output_share, plain.domains[d].output_share);
  }
}

ProfileRun watched_run(std::size_t n_record) {
  FakeEngine engine({});
  auto model = fake_model(engine);
  model.id.name = "a <b> & c";
  ProfileOptions options;
  options.stability = StabilityOptions{.n_keep = 4};
  return value_of(run_profile(engine, model, corpus_of(n_record), options, {}, "coe profile",
                              silent_observer()));
}

TEST(StabilityReport, JsonHoldsTheCurveAndTheMemberships) {
  const auto run = watched_run(40);
  const auto& report = *run.stability;
  const auto json = Json::parse(stability_json(report, run.stats));
  EXPECT_EQ(json.at("schema"), "coe.stability/1");
  EXPECT_EQ(json.at("n_keep"), 4);
  EXPECT_EQ(json.at("n_token"), run.stats.n_token());
  EXPECT_EQ(json.at("points").size(), report.points.size());
  EXPECT_EQ(json.at("points").back().at("jaccard"), report.points.back().jaccard);
  EXPECT_EQ(json.at("points").front().at("jaccard_lower"), nullptr);  // below 20 samples
  ASSERT_EQ(json.at("layers").size(), 2U);
  double n_kept = 0;
  for (const double share : json.at("layers").at(1).at("membership")) n_kept += share;
  EXPECT_NEAR(n_kept, 4.0, 1e-12);  // each replicate keeps four
  EXPECT_EQ(json.at("layers").at(0).at("jaccard").size(), report.points.size());
  const auto passes = tokens_at(report, 0.95, false);
  EXPECT_EQ(json.at("passes").at(0).at("jaccard_n_token"), passes ? Json(*passes) : Json(nullptr));
  EXPECT_EQ(stability_json(report, run.stats), stability_json(report, run.stats));
}

TEST(StabilityReport, TokensAtIsTheFirstPointThatPasses) {
  StabilityReport report;
  report.points.resize(3);
  report.points[0] = {.n_token = 10, .jaccard = 0.5};
  report.points[1] = {.n_token = 20, .jaccard = 0.96, .lower = 0.9};
  report.points[2] = {.n_token = 30, .jaccard = 0.94, .lower = 0.95};
  EXPECT_EQ(tokens_at(report, 0.95, false), 20);
  EXPECT_EQ(tokens_at(report, 0.95, true), 30);
  EXPECT_EQ(tokens_at(report, 0.99, false), std::nullopt);
}

TEST(StabilityReport, PictureIsWholeAndEscaped) {
  const auto run = watched_run(40);
  const auto svg = stability_svg(*run.stability, run.stats);
  EXPECT_THAT(svg, HasSubstr("a &lt;b&gt; &amp; c"));
  EXPECT_THAT(svg, HasSubstr("<polyline"));
  EXPECT_THAT(svg, HasSubstr("Share of 200"));
  EXPECT_THAT(svg, HasSubstr("</svg>"));
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  // Too little for a curve: still a picture, and it says so.
  const auto short_run = watched_run(1);
  ProfileRun one = short_run;
  one.stability->points.clear();
  EXPECT_THAT(stability_svg(*one.stability, one.stats), HasSubstr("too little text"));
  EXPECT_THAT(stability_text(*one.stability), HasSubstr("too little text"));
}

}  // namespace
}  // namespace coe
