#include "coe/measure/tune/sweep.h"

#include "coe/mask/build.h"
#include "coe/measure/tune/sweep_picture.h"

#include "measure/tune/fake_bench.h"
#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::FakeBench;
using ::coe::testing::value_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const ExpertGrid kGrid{{}, 128, 8, 0, 1};

TEST(ParseCounts, ListsAndRanges) {
  EXPECT_THAT(value_of(parse_counts("64", kGrid)), ElementsAre(64));
  EXPECT_THAT(value_of(parse_counts("64,32,64,8", kGrid)), ElementsAre(8, 32, 64));
  EXPECT_THAT(value_of(parse_counts("16-96/32", kGrid)), ElementsAre(16, 48, 80));
  EXPECT_THAT(value_of(parse_counts("3-5,96", kGrid)), ElementsAre(3, 4, 5, 96));
  EXPECT_THAT(value_of(parse_counts("7-7/9", kGrid)), ElementsAre(7));
  EXPECT_THAT(value_of(parse_counts("half,8,25%", kGrid)), ElementsAre(8, 32, 64));
  // The last count does not wrap around.
  EXPECT_THAT(value_of(parse_counts("4294967295-4294967295", kGrid)), ElementsAre(4294967295U));
}

TEST(ParseCounts, RefusesWhatIsNoList) {
  for (const auto* text : {"", "0", "x", "8,", ",8", "8-", "8-4", "8-16/", "8-16/0", "8-16/x", "-8",
                           "8 16", "half,", "halves", "4294967296", "1-5000000"})
    expect_error(parse_counts(text, kGrid), Code::kInvalidArgument, "is no list of expert counts");
}

TEST(Sweep, EachPointIsTheMaskOfItsCount) {
  FakeBench fake;
  ProfileSet profiles;
  MaskRecipe recipe;
  recipe.profiles.push_back({profiles.add("p", fake.stats), 0.0});
  const std::vector<std::uint32_t> counts = {2, 4, 7};
  const auto points = value_of(sweep_masks(profiles, recipe, counts, nullptr, silent_observer()));
  ASSERT_EQ(points.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    recipe.n_keep = counts[i];
    EXPECT_EQ(points[i].built.mask, value_of(build_mask(profiles, recipe)).mask);
    EXPECT_FALSE(points[i].eval);
    if (i == 0) continue;
    EXPECT_GT(points[i].built.coverage.mean, points[i - 1].built.coverage.mean);
  }
  expect_error(
      sweep_masks(profiles, recipe, std::vector<std::uint32_t>{4, 8}, nullptr, silent_observer()),
      Code::kInvalidArgument, "K = 8: K = 8 leaves nothing to cut");
}

std::vector<SweepPoint> covering(
    const std::vector<std::pair<std::uint32_t, double>>& counts_and_means) {
  std::vector<SweepPoint> points;
  for (const auto& [count, mean] : counts_and_means) {
    points.push_back({count, {}, std::nullopt});
    points.back().built.coverage.mean = mean;
  }
  return points;
}

TEST(SweepAdvice, WithoutAMeasurementGoesByCoverage) {
  const auto advised = [](const std::vector<SweepPoint>& points) {
    const auto advice = advise_count(points, {});
    EXPECT_FALSE(advice.is_measured);
    return advice.n_keep;
  };
  EXPECT_EQ(advised(covering({{16, .6}, {32, .85}, {48, .92}, {64, .95}, {128, 1.0}})), 64U);
  EXPECT_EQ(advised(covering({{16, .6}, {32, .90}, {64, .95}})), 32U);
  // A kernel is no reason to keep too little.
  EXPECT_EQ(advised(covering({{16, .6}, {32, .85}, {48, .92}})), 48U);
  EXPECT_EQ(advised(covering({{16, .6}, {32, .85}})), std::nullopt);
  EXPECT_EQ(advised({}), std::nullopt);
}

// 16 of 128 covered 95 % of the score, at four times the parent's perplexity.
TEST(SweepAdvice, WhatWasMeasuredOverrulesCoverage) {
  auto points = covering({{16, .95}, {32, .97}, {48, .98}, {64, .99}});
  const auto measure = [&](std::vector<double> ratios) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      points[i].eval = DomainEval();
      RecordEval record;
      record.n_token = 100;
      record.reference_nll = 270.0;
      record.nll = record.reference_nll + 100.0 * std::log(ratios[i]);
      points[i].eval->add(record);
      points[i].eval->add(record);
    }
  };
  measure({4.0, 1.5, 1.2, 1.11});
  EXPECT_TRUE(advise_count(points, {}).is_measured);
  EXPECT_EQ(advise_count(points, {}).n_keep, std::nullopt);
  EXPECT_EQ(advise_count(points, {.max_loss = 0.15}).n_keep, 64U);
  measure({4.0, 1.5, 1.09, 1.05});
  EXPECT_EQ(advise_count(points, {}).n_keep, 64U);  // fused, where 48 is not
  measure({4.0, 1.5, 1.09, 1.2});
  EXPECT_EQ(advise_count(points, {}).n_keep, 48U);
  measure({1.0, 1.0, 1.0, 1.0});
  EXPECT_EQ(advise_count(points, {}).n_keep, 16U);
}

// Two records that disagree leave doubt: the mean loss is 9 %, its upper bound is not.
TEST(SweepAdvice, TheUpperBoundDecides) {
  auto points = covering({{64, .99}});
  points[0].eval = DomainEval();
  for (const double ratio : {1.02, 1.165}) {
    RecordEval record;
    record.n_token = 100;
    record.reference_nll = 270.0;
    record.nll = record.reference_nll + 100.0 * std::log(ratio);
    points[0].eval->add(record);
  }
  ASSERT_LT(perplexity_ratio(*points[0].eval).value, 1.10);
  EXPECT_EQ(advise_count(points, {}).n_keep, std::nullopt);
}

TEST(Sweep, MeasuresOnTheSameTokens) {
  FakeBench fake;
  ProfileSet profiles;
  MaskRecipe recipe;
  recipe.profiles.push_back({profiles.add("p", fake.stats), 0.0});
  const auto bench = fake.bench();
  const auto points = value_of(
      sweep_masks(profiles, recipe, std::vector<std::uint32_t>{2, 7}, &bench, silent_observer()));
  ASSERT_TRUE(points[0].eval && points[1].eval);
  EXPECT_EQ(points[0].eval->n_token, points[1].eval->n_token);
  EXPECT_EQ(points[0].eval->reference_nll, points[1].eval->reference_nll);
  EXPECT_GT(points[0].eval->kl_mean(), points[1].eval->kl_mean());
  EXPECT_EQ(points[0].eval->records.size(), 8U);

  const auto picture = sweep_svg(points);
  EXPECT_THAT(picture, HasSubstr("KL to the parent"));
  EXPECT_THAT(picture, HasSubstr("of 8"));
  EXPECT_THAT(picture, Not(HasSubstr("nan")));
  EXPECT_EQ(picture, sweep_svg(points));
  EXPECT_THAT(picture, HasSubstr("dashed: chance"));
  EXPECT_THAT(picture, Not(HasSubstr("size of the file")));
  const auto sized = sweep_svg(points, std::vector<std::uint64_t>{3'000'000, 7'500'000'000});
  EXPECT_THAT(sized, HasSubstr(">3.00 MB<"));
  EXPECT_THAT(sized, HasSubstr(">7.50 GB<"));
  EXPECT_THAT(sized, HasSubstr("size of the file"));
  const auto pure = value_of(
      sweep_masks(profiles, recipe, std::vector<std::uint32_t>{4}, nullptr, silent_observer()));
  EXPECT_THAT(sweep_svg(pure), Not(HasSubstr("KL to the parent")));
}

}  // namespace
}  // namespace coe
