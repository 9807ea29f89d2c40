#include "coe/base/stats/association.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace coe {
namespace {

// Symmetric: 1 between 0 and 1, 2 between 0 and 2, 3 between 1 and 2.
const std::vector<double> kEdges = {9, 1, 2, 1, 9, 3, 2, 3, 9};

// Off the diagonal 1 2 3 4 5 6 against 2 1 4 3 6 5: Sxx = Syy = 17.5, Sxy = 14.5.
TEST(Associate, PearsonByHand) {
  const std::vector<double> x = {0, 1, 2, 3, 0, 4, 5, 6, 0};
  const std::vector<double> y = {7, 2, 1, 4, 7, 3, 6, 5, 7};
  const auto found = associate(x, y, 3, Correlation::kPearson);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->n_pair, 6U);
  EXPECT_NEAR(found->r.value, 14.5 / 17.5, 1e-12);
  EXPECT_LT(found->r.lower, found->r.value);
  EXPECT_GE(found->r.upper, found->r.value);
}

// The six relabellings give the edges all six orders, with r = 1, 1/2, 1/2, -1/2, -1/2, -1.
TEST(Associate, TestPermutesLabels) {
  const auto found = associate(kEdges, kEdges, 3, Correlation::kPearson);
  ASSERT_TRUE(found);
  EXPECT_DOUBLE_EQ(found->r.value, 1.0);
  EXPECT_DOUBLE_EQ(found->r.lower, 1.0);  // in every draw
  EXPECT_TRUE(found->test.exact);
  EXPECT_EQ(found->test.n_permutation, 6U);
  EXPECT_DOUBLE_EQ(found->test.p, 2.0 / 6.0);
}

// Ranks of 1 2 3, each twice, against those of 1 1 4, of which the ones share 2.5:
// Sxx = 16, Syy = 12 (2.5 2.5 2.5 2.5 5.5 5.5), Sxy = 2 (-2 * -1) + 0 + 2 (2 * 2) = 12.
TEST(Associate, SpearmanSharesRanksOfTies) {
  const std::vector<double> y = {0, 1, 1, 1, 0, 4, 1, 4, 0};
  const auto found = associate(kEdges, y, 3, Correlation::kSpearman);
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->r.value, 12.0 / std::sqrt(16.0 * 12.0), 1e-12);
}

TEST(Associate, SpearmanSeesOrderOnly) {
  std::vector<double> y = kEdges;
  for (auto& v : y) v = -std::exp(3 * v);
  const auto found = associate(kEdges, y, 3, Correlation::kSpearman);
  ASSERT_TRUE(found);
  EXPECT_NEAR(found->r.value, -1.0, 1e-12);
  const auto pearson = associate(kEdges, y, 3, Correlation::kPearson);
  ASSERT_TRUE(pearson);
  EXPECT_GT(pearson->r.value, -0.95);
}

TEST(Associate, UndefinedWhereNothingVaries) {
  const std::vector<double> flat(9, 0.1);
  EXPECT_FALSE(associate(flat, kEdges, 3, Correlation::kPearson));
  EXPECT_FALSE(associate(kEdges, flat, 3, Correlation::kSpearman));
  const std::vector<double> two = {0, 1, 2, 0};
  EXPECT_FALSE(associate(two, two, 2, Correlation::kPearson));
}

TEST(Associate, DrawsLabelsOfManyItems) {
  const std::size_t n = 8;
  std::vector<double> x(n * n);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<double>((i * 37) % 61);
  const auto found = associate(x, x, n, Correlation::kPearson);
  ASSERT_TRUE(found);
  EXPECT_FALSE(found->test.exact);
  EXPECT_EQ(found->test.n_permutation, 10001U);
  EXPECT_LT(found->test.p, 0.01);
  const auto again = associate(x, x, n, Correlation::kPearson);
  EXPECT_EQ(again->test.p, found->test.p);
}

// Relabelling both alike changes neither r nor p; the diagonal is never looked at.
RC_GTEST_PROP(Associate, LabelsHaveNoMeaning, ()) {
  const std::size_t n = 4;
  const auto x = *rc::gen::container<std::vector<double>>(
      n * n, rc::gen::map(rc::gen::inRange(0, 50), [](int v) { return v / 7.0; }));
  const auto y = *rc::gen::container<std::vector<double>>(
      n * n, rc::gen::map(rc::gen::inRange(0, 50), [](int v) { return v / 3.0; }));
  const std::vector<std::size_t> label = {2, 0, 3, 1};
  std::vector<double> x2(n * n, -5.0);
  std::vector<double> y2(n * n, 5.0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      if (i == j) continue;
      x2[i * n + j] = x[label[i] * n + label[j]];
      y2[i * n + j] = y[label[i] * n + label[j]];
    }
  }
  const auto a = associate(x, y, n, Correlation::kSpearman, {.n_replicate = 10});
  const auto b = associate(x2, y2, n, Correlation::kSpearman, {.n_replicate = 10});
  RC_ASSERT(a.has_value() == b.has_value());
  if (!a) return;
  RC_ASSERT(std::abs(a->r.value - b->r.value) < 1e-9);
  RC_ASSERT(a->test.p == b->test.p);
  RC_ASSERT(std::abs(a->r.value) <= 1.0 + 1e-9);
}

// The median of 1 1 2 2 3 3 is 2: the edge between 1 and 2 is near. Relabelled, it stays the edge
// of 3 in two of six; elsewhere the difference of means is smaller.
TEST(NearFar, ByHand) {
  const auto found = near_far(kEdges, kEdges, 3);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->n_near, 2U);
  EXPECT_EQ(found->n_far, 4U);
  EXPECT_DOUBLE_EQ(found->near_mean, 3.0);
  EXPECT_DOUBLE_EQ(found->far_mean, 1.5);
  EXPECT_DOUBLE_EQ(found->test.p, 2.0 / 6.0);
  EXPECT_TRUE(found->near[5] && found->near[7] && !found->near[1] && !found->near[4]);
  // (1,2) against (1,0), (2,1) against (2,0); 0 has no near one.
  EXPECT_EQ(found->n_compared, 2U);
  EXPECT_EQ(found->n_near_higher, 2U);
}

// One-sided: near pairs that lose are no evidence.
TEST(NearFar, NearPairsMustWin) {
  std::vector<double> value = kEdges;
  for (auto& v : value) v = -v;
  const auto found = near_far(kEdges, value, 3);
  ASSERT_TRUE(found);
  EXPECT_DOUBLE_EQ(found->test.p, 1.0);
  EXPECT_EQ(found->n_near_higher, 0U);
  EXPECT_FALSE(near_far(std::vector<double>(9, 1.0), kEdges, 3));
  EXPECT_FALSE(near_far(std::vector<double>{0, 1, 2, 0}, std::vector<double>{0, 1, 2, 0}, 2));
}

}  // namespace
}  // namespace coe
