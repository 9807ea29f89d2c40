#include "coe/measure/scores/shootout.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace coe {
namespace {

DomainEval eval_of(const std::vector<double>& kl) {
  DomainEval eval;
  for (const auto value : kl) {
    RecordEval record;
    record.n_token = 10;
    record.kl = value;
    eval.add(record);
  }
  return eval;
}

TEST(GeometricMeanRatio, IsThatOfTheDomainsRatios) {
  // 3/6 and 8/4: their geometric mean is 1; 3/6 and 2/4: a half.
  const std::vector base = {eval_of({2, 4}), eval_of({1, 3})};
  const std::vector even = {eval_of({1, 2}), eval_of({2, 6})};
  EXPECT_NEAR(geometric_mean_ratio(even, base).value, 1.0, 1e-12);
  // Each record is half of its pair, so that every replicate says so, too.
  const std::vector half = {eval_of({1, 2}), eval_of({0.5, 1.5})};
  const auto ratio = geometric_mean_ratio(half, base);
  EXPECT_NEAR(ratio.value, 0.5, 1e-12);
  EXPECT_NEAR(ratio.lower, 0.5, 1e-12);
  EXPECT_NEAR(ratio.upper, 0.5, 1e-12);
}

TEST(GeometricMeanRatio, HasTheSpreadOfTheRecords) {
  const std::vector base = {eval_of({1, 1, 1, 1})};
  const auto ratio = geometric_mean_ratio(std::vector{eval_of({0, 0, 2, 2})}, base);
  EXPECT_NEAR(ratio.value, 1.0, 1e-12);
  EXPECT_LT(ratio.lower, 0.6);
  EXPECT_GT(ratio.upper, 1.4);
}

TEST(GeometricMeanRatio, LeavesOutDomainsWithoutALoss) {
  const std::vector base = {eval_of({0, 0}), eval_of({1, 3})};
  const std::vector own = {eval_of({0, 1}), eval_of({2, 6})};
  EXPECT_NEAR(geometric_mean_ratio(own, base).value, 2.0, 1e-12);
  EXPECT_EQ(geometric_mean_ratio(std::vector{base[0]}, std::vector{base[0]}).value, 0.0);
}

TEST(MeanOfDraws, IsTheMeanOfEachRecord) {
  const std::vector draws = {eval_of({1, 5}), eval_of({3, 6})};
  const auto mean = mean_of_draws(draws);
  ASSERT_EQ(mean.records.size(), 2U);
  EXPECT_EQ(mean.records[0].kl, 2.0);
  EXPECT_EQ(mean.records[1].kl, 5.5);
  EXPECT_EQ(mean.n_token, 20U);
  EXPECT_EQ(mean.kl_mean(), 7.5 / 20);
}

TEST(Shootout, KnowsTheBestOfEachDomainAndOfAll) {
  Shootout shootout;
  shootout.domains = {"a", "b"};
  shootout.rows = {{"util", "", {eval_of({4}), eval_of({1})}},
                   {"share", "", {eval_of({1}), eval_of({2})}},
                   {"random", "", {eval_of({8}), eval_of({8})}}};
  compare_to_first(shootout);
  EXPECT_EQ(shootout.rows[0].ratio.value, 1.0);
  EXPECT_NEAR(shootout.rows[1].ratio.value, std::sqrt(1.0 / 4 * 2), 1e-12);
  EXPECT_NEAR(shootout.rows[2].ratio.value, 4.0, 1e-12);
  EXPECT_EQ(shootout.best_on(0), 1U);
  EXPECT_EQ(shootout.best_on(1), 0U);
  EXPECT_EQ(shootout.best(), 1U);
}

}  // namespace
}  // namespace coe
