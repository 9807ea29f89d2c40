#include "coe/measure/transfer/matrix.h"

#include "mask/compare/named_masks.h"
#include "measure/transfer/hand_matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace coe {
namespace {

using ::coe::testing::hand_matrix;
using ::coe::testing::named_mask;
using ::coe::testing::value_of;
using ::testing::DoubleEq;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(TransferMatrix, KnowsWhoseTextIsWhose) {
  const auto matrix = hand_matrix();
  EXPECT_EQ(matrix.n_specialist(), 4U);
  EXPECT_TRUE(matrix.is_own(0, 0));
  EXPECT_TRUE(matrix.is_own(2, 2));
  EXPECT_FALSE(matrix.is_own(0, 1));
  EXPECT_FALSE(matrix.is_own(3, 3));  // x is evaluated nowhere
  EXPECT_FALSE(matrix.is_own(4, 0));
}

// Hits of specialist A on a, b, c: 8 6 2 of the parent's 10; B: 5 9 3; C: 1 2 10.
TEST(SquareOf, TakesTheSpecialistsWhoseTextIsEvaluated) {
  const auto square = square_of(hand_matrix(), nullptr, nullptr);
  EXPECT_THAT(square.names, ElementsAre("a", "b", "c"));
  EXPECT_THAT(square.y,
              ElementsAre(DoubleEq(0.8), DoubleEq(0.6), DoubleEq(0.2), DoubleEq(0.5), DoubleEq(0.9),
                          DoubleEq(0.3), DoubleEq(0.1), DoubleEq(0.2), DoubleEq(1.0)));
  // KL of 20 tokens: 10 - hits.
  EXPECT_DOUBLE_EQ(square.kl[1], 4.0 / 20.0);
  EXPECT_DOUBLE_EQ(square.kl[8], 0.0);
  EXPECT_THAT(square.residual_f, IsEmpty());
  EXPECT_THAT(square.agg_cosine, IsEmpty());
}

// Beyond the backbone {0} A keeps 1 2 3, B 1 2 4, C 5 6 7, X 1 5 6.
TEST(SquareOf, LikenessIsThatOfTheMasksBeyondTheBackbone) {
  const std::vector<NamedMask> masks = {
      named_mask("a", 8, {{0, {0, 1, 2, 3}}}), named_mask("b", 8, {{0, {0, 1, 2, 4}}}),
      named_mask("c", 8, {{0, {0, 5, 6, 7}}}), named_mask("x", 8, {{0, {0, 1, 5, 6}}})};
  const auto overlap = value_of(overlap_of(masks));
  const AggCosine cosine(4,
                         {{3,
                           {4, 2, 0, 0,  //
                            2, 4, 1, 0,  //
                            0, 1, 4, 0,  //
                            0, 0, 0, 1}}},
                         0);
  const auto square = square_of(hand_matrix(), &overlap, &cosine);
  EXPECT_THAT(square.residual_f, ElementsAre(1.0, DoubleEq(2.0 / 3.0), 0.0, DoubleEq(2.0 / 3.0),
                                             1.0, 0.0, 0.0, 0.0, 1.0));
  EXPECT_THAT(square.agg_cosine, ElementsAre(1.0, DoubleEq(0.5), 0.0, DoubleEq(0.5), 1.0,
                                             DoubleEq(0.25), 0.0, DoubleEq(0.25), 1.0));
}

TEST(SquareOf, ALikenessThatOnePairLacksIsLeftOut) {
  // A is the backbone: nothing of it is left to share.
  const std::vector<NamedMask> masks = {
      named_mask("a", 8, {{0, {0, 1}}}), named_mask("b", 8, {{0, {0, 1}}}),
      named_mask("c", 8, {{0, {0, 1}}}), named_mask("x", 8, {{0, {0, 1}}})};
  const auto overlap = value_of(overlap_of(masks));
  const auto square = square_of(hand_matrix(), &overlap, nullptr);
  EXPECT_THAT(square.residual_f, IsEmpty());
  const auto reading = read_square(square);
  EXPECT_THAT(reading.links, IsEmpty());
  EXPECT_THAT(reading.near_far, IsEmpty());
}

TEST(ReadSquare, OrdersAndLinks) {
  auto square = square_of(hand_matrix(), nullptr, nullptr);
  square.residual_f = {1, 0.6, 0.2, 0.5, 1, 0.3, 0.1, 0.2, 1};  // Y itself
  const auto reading = read_square(square);
  EXPECT_THAT(reading.order, ElementsAre(ElementsAre(1, 2), ElementsAre(0, 2), ElementsAre(1, 0)));
  ASSERT_EQ(reading.links.size(), 2U);
  EXPECT_EQ(reading.links[0].of, "y");
  EXPECT_EQ(reading.links[0].with, "residual_f");
  EXPECT_NEAR(reading.links[0].pearson->r.value, 1.0, 1e-12);
  EXPECT_EQ(reading.links[1].of, "kl");
  EXPECT_NEAR(reading.links[1].pearson->r.value, -1.0, 1e-12);  // KL is (10 - hits) / 20
  EXPECT_NEAR(reading.links[1].spearman->r.value, -1.0, 1e-12);
  EXPECT_TRUE(reading.has_correlation());
  ASSERT_EQ(reading.near_far.size(), 1U);
  // Above the median of .1 .2 .2 .3 .5 .6, which is .25: .3 .5 .6.
  EXPECT_EQ(reading.near_far[0].second->n_near, 3U);
  EXPECT_NEAR(reading.near_far[0].second->near_mean, 1.4 / 3, 1e-12);
}

TEST(ReadSquare, TwoSpecialistsAreNoSample) {
  TransferSquare square;
  square.names = {"a", "b"};
  square.y = {1, 0.5, 0.6, 1};
  square.kl = {0, 1, 2, 0};
  square.residual_f = {1, 0, 0, 1};
  const auto reading = read_square(square);
  ASSERT_EQ(reading.links.size(), 2U);
  EXPECT_FALSE(reading.links[0].pearson);
  EXPECT_FALSE(reading.near_far[0].second);
  EXPECT_FALSE(reading.has_correlation());
}

}  // namespace
}  // namespace coe
