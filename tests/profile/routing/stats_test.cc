#include "coe/profile/routing/stats.h"

#include "coe/base/result.h"
#include "coe/model/moe/ids.h"

#include "support/expect.h"
#include "support/tiny_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::expect_ok;
using ::coe::testing::random_stats;
using ::coe::testing::shape_of;
using ::coe::testing::worked_stats;
using ::testing::ElementsAre;

TEST(DomainStats, ZeroHasTheShape) {
  const auto shape = shape_of(3, 8, 2);
  const auto with = DomainStats::zero("web", 0.5, shape, true);
  EXPECT_EQ(with.name, "web");
  EXPECT_EQ(with.weight, 0.5);
  EXPECT_EQ(with.histograms, std::vector<std::int64_t>(48, 0));
  EXPECT_EQ(with.decisive, std::vector<double>(48, 0.0));
  EXPECT_EQ(with.output_share, std::vector<double>(24, 0.0));
  EXPECT_EQ(with.moe_ratio, std::vector<double>(3, 0.0));
  EXPECT_TRUE(with.has_outputs());

  const auto without = DomainStats::zero("web", 0.5, shape, false);
  EXPECT_EQ(without.weight_mean_by_sample.size(), 48U);
  EXPECT_TRUE(without.gated_norm.empty());
  EXPECT_TRUE(without.moe_ratio.empty());
  EXPECT_FALSE(without.has_outputs());

  EXPECT_FALSE(with.has_squares());
  EXPECT_EQ(DomainStats::zero("web", 0.5, shape, true, false, true).output_square,
            std::vector<double>(24, 0.0));
}

// The builder of the other tests, held to sums worked out by hand. Tokens of `css`, layer 0, as
// (expert, weight, norm): (0,.75,2)(1,.25,4) | (0,.75,2)(2,.25,6) | (1,.5,1)(0,.5,3) and, as a
// second sample, (2,.625,2)(1,.375,2).
TEST(DomainStats, AccumulatesAsWorkedByHand) {
  const auto stats = worked_stats();
  const auto& css = stats.domains.front();
  EXPECT_EQ(css.n_token, 4);
  EXPECT_EQ(css.n_sample, 2);
  // Expert by expert, rank 0 then rank 1; layer 1 mirrors layer 0.
  EXPECT_THAT(css.histograms, ElementsAre(2, 1, 1, 2, 1, 1, 0, 0, 0, 0, 1, 1, 1, 2, 2, 1));
  EXPECT_THAT(css.weight_sum, ElementsAre(1.5, 0.5, 0.5, 0.625, 0.625, 0.25, 0, 0,  //
                                          0, 0, 0.625, 0.25, 0.5, 0.625, 1.5, 0.5));
  EXPECT_DOUBLE_EQ(css.freq_by_sample[0], 2.0 / 3);        // expert 0, rank 0: 2 of 3, 0 of 1
  EXPECT_DOUBLE_EQ(css.freq_by_sample[3], 1.0 / 3 + 1.0);  // expert 1, rank 1: 1 of 3, 1 of 1
  EXPECT_EQ(css.weight_mean_by_sample[0], 0.75);           // (.75+.75)/2, then nothing
  EXPECT_EQ(css.weight_mean_by_sample[3], 0.625);          // .25, then .375
  EXPECT_EQ(css.decisive[0], 0.75);                        // .5*.75 twice
  EXPECT_EQ(css.decisive[3], 0.21875);                     // .5*.25 + .25*.375
  EXPECT_EQ(css.output_norm[0], 7.0);
  EXPECT_EQ(css.gated_norm[1], 2.25);  // .25*4 + .5*1 + .375*2
  EXPECT_DOUBLE_EQ(css.output_share[0], 0.6 + 0.5 + 0.75);
}

TEST(RoutingStats, CountsAndFindsDomains) {
  const auto stats = worked_stats();
  EXPECT_EQ(stats.n_token(), 6);
  EXPECT_EQ(stats.n_sample(), 3);
  ASSERT_NE(stats.find_domain("js"), nullptr);
  EXPECT_EQ(stats.find_domain("js")->n_token, 2);
  EXPECT_EQ(stats.find_domain("html"), nullptr);
}

TEST(CheckInvariants, AcceptsWhatTheProfilerMakes) {
  expect_ok(check_invariants(worked_stats()));
  expect_ok(check_invariants(random_stats(shape_of(3, 8, 3), {{"a", 1.0}, {"b", 0.0}}, 7, false)));
}

TEST(CheckInvariants, RefusesAShapeThatCannotBe) {
  auto stats = worked_stats();
  stats.shape.layers = {LayerId{1}, LayerId{0}};
  expect_error(check_invariants(stats), Code::kCorrupt, "layers are not in ascending order");
  stats.shape.layers = {LayerId{1}, LayerId{1}};
  expect_error(check_invariants(stats), Code::kCorrupt, "layers are not in ascending order");
  stats.shape.layers = {};
  expect_error(check_invariants(stats), Code::kCorrupt, "no layer");
  stats = worked_stats();
  stats.shape.n_expert_used = 5;
  expect_error(check_invariants(stats), Code::kCorrupt, "5 experts used per token of 4");
  stats.shape.n_expert_used = 0;
  expect_error(check_invariants(stats), Code::kCorrupt, "0 experts used per token of 4");
  stats = worked_stats();
  stats.domains.clear();
  expect_error(check_invariants(stats), Code::kCorrupt, "no sub-domain");
}

TEST(CheckInvariants, NamesTheLayerWhereChoicesAreMissing) {
  auto stats = worked_stats();
  stats.domains[1].histograms[stats.shape.at(1, 0, 0)] -= 1;
  expect_error(check_invariants(stats), Code::kCorrupt,
               "sub-domain `js`: layer 1: histograms hold another number of choices than tokens at "
               "rank 0 (1 vs 2)");
}

// The total over ranks is right, yet no token could have chosen so.
TEST(CheckInvariants, ChecksEveryRankByItself) {
  auto stats = worked_stats();
  stats.domains[0].histograms[stats.shape.at(0, 3, 0)] += 1;
  stats.domains[0].histograms[stats.shape.at(0, 0, 1)] -= 1;
  expect_error(check_invariants(stats), Code::kCorrupt, "sub-domain `css`: layer 0:");
}

TEST(CheckInvariants, RefusesImpossibleCounts) {
  auto stats = worked_stats();
  stats.domains[0].histograms[stats.shape.at(0, 1, 1)] = -2;
  expect_error(check_invariants(stats), Code::kCorrupt, "expert 1 is chosen -2 times at rank 1");
  stats = worked_stats();
  stats.domains[0].histograms[0] = std::numeric_limits<std::int64_t>::max();
  expect_error(check_invariants(stats), Code::kCorrupt, "expert 0 is chosen 9223372036854775807");
  stats = worked_stats();
  stats.domains[0].n_token = -1;
  expect_error(check_invariants(stats), Code::kCorrupt, "sub-domain `css`: -1 tokens");
  stats.domains[0].n_token = std::numeric_limits<std::int64_t>::max();
  expect_error(check_invariants(stats), Code::kCorrupt, "9223372036854775807 tokens");
  stats = worked_stats();
  stats.domains[0].n_sample = 5;
  expect_error(check_invariants(stats), Code::kCorrupt, "4 tokens in 5 samples");
}

TEST(CheckInvariants, RefusesSumsThatCannotBe) {
  auto stats = worked_stats();
  stats.domains[0].weight_sum[stats.shape.at(1, 2, 0)] = std::nan("");
  expect_error(check_invariants(stats), Code::kCorrupt,
               "sub-domain `css`: layer 1: `weight_sum` holds nan");
  stats = worked_stats();
  stats.domains[0].output_norm[4] = -0.5;
  expect_error(check_invariants(stats), Code::kCorrupt, "layer 1: `output_norm` holds -0.5");
  stats = worked_stats();
  stats.domains[1].moe_ratio[1] = std::numeric_limits<double>::infinity();
  expect_error(check_invariants(stats), Code::kCorrupt, "layer 1: `moe_ratio` holds inf");
  // A selection bias may rank a lower weight first.
  stats = worked_stats();
  stats.domains[1].decisive[0] = -0.25;
  expect_ok(check_invariants(stats));
}

// Symmetric, and each choice has R partners, itself among them.
TEST(CheckInvariants, HoldsCoactivationToTheHistograms) {
  const auto good = random_stats(shape_of(2, 6, 3), {{"a", 1.0}}, 3, false, true);
  expect_ok(check_invariants(good));
  const auto cell = [](std::size_t l, std::size_t e, std::size_t f) { return (l * 6 + e) * 6 + f; };
  auto stats = good;
  stats.domains[0].coactivation[cell(1, 2, 4)] += 1;
  expect_error(check_invariants(stats), Code::kCorrupt,
               "sub-domain `a`: layer 1: experts 2 and 4 are chosen together");
  stats = good;
  stats.domains[0].coactivation[cell(0, 1, 1)] = -1;
  expect_error(check_invariants(stats), Code::kCorrupt, "layer 0: experts 1 and 1");
  stats = good;
  stats.domains[0].coactivation.assign(72, 0);
  expect_error(check_invariants(stats), Code::kCorrupt, "layer 0: `coactivation` lacks");
  stats = good;
  stats.domains[0].coactivation.pop_back();
  expect_error(check_invariants(stats), Code::kCorrupt, "its accumulators");
}

TEST(CheckInvariants, RefusesATemperatureThatIsNotAboveZero) {
  auto stats = worked_stats();
  for (const double t : {0.0, -0.6, std::nan("")}) {
    stats.router_temperature = t;
    expect_error(check_invariants(stats), Code::kCorrupt, "router temperature");
  }
}

TEST(CheckInvariants, RefusesDomainsOutOfOrderTwiceOrWeightedBadly) {
  auto stats = worked_stats();
  std::swap(stats.domains[0], stats.domains[1]);
  expect_error(check_invariants(stats), Code::kCorrupt, "sub-domain `css` stands out of order");
  stats.domains[0].name = "css";
  expect_error(check_invariants(stats), Code::kCorrupt, "sub-domain `css` stands out of order");
  stats = worked_stats();
  stats.domains[1].weight = -1.0;
  expect_error(check_invariants(stats), Code::kCorrupt, "sub-domain `js`: weight -1");
}

TEST(CheckInvariants, RefusesAccumulatorsOfAnotherShape) {
  auto stats = worked_stats();
  stats.domains[1].decisive.pop_back();
  expect_error(check_invariants(stats), Code::kCorrupt, "sub-domain `js`: its accumulators");
  // Outputs in one sub-domain only.
  stats = worked_stats();
  stats.domains[1] = random_stats(stats.shape, {{"js", 0.25}}, 3, false).domains.front();
  expect_error(check_invariants(stats), Code::kCorrupt, "sub-domain `js`: its accumulators");
}

}  // namespace
}  // namespace coe
