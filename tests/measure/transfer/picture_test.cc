#include "coe/measure/transfer/picture.h"

#include "measure/transfer/hand_matrix.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>

namespace coe {
namespace {

using ::coe::testing::hand_matrix;
using ::testing::HasSubstr;
using ::testing::Not;

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(MatrixSvg, EachCellSaysItsValuesAndOwnTextIsFramed) {
  const auto svg = matrix_svg(hand_matrix());
  EXPECT_THAT(svg, HasSubstr("K = 4"));
  EXPECT_THAT(svg, HasSubstr(">80.0 %<"));
  EXPECT_THAT(svg, HasSubstr(">KL 0.1<"));
  EXPECT_THAT(svg, HasSubstr("random (mean of 1)"));
  EXPECT_EQ(count(svg, "KL 0"), 20U);
  EXPECT_EQ(count(svg, "<polyline"), 3U);
}

TEST(MatrixSvg, RandomMasksAreAveraged) {
  auto matrix = hand_matrix();
  matrix.n_random = 2;  // x and "random-1": on a 6 and 4 hits
  const auto svg = matrix_svg(matrix);
  EXPECT_THAT(svg, HasSubstr("random (mean of 2)"));
  EXPECT_THAT(svg, Not(HasSubstr(">x<")));
  EXPECT_EQ(count(svg, ">50.0 %<"), 1U + 3U);  // b on a, and the means on a, b and c
}

TEST(ScatterSvg, HasADotForEachPair) {
  const auto matrix = hand_matrix();
  auto square = square_of(matrix, nullptr, nullptr);
  square.residual_f = {1, 0.6, 0.2, 0.5, 1, 0.3, 0.1, 0.2, 1};
  const auto one = scatter_svg(matrix, square, read_square(square));
  EXPECT_EQ(count(one, "<circle"), 3U + 2U * 6U);  // a legend, two panels
  EXPECT_THAT(one, HasSubstr("Y against residual F"));
  EXPECT_THAT(one, HasSubstr("r = 1.00"));
  EXPECT_THAT(one, Not(HasSubstr("Agg-cos")));
  square.agg_cosine = square.kl;
  const auto two = scatter_svg(matrix, square, read_square(square));
  EXPECT_EQ(count(two, "<circle"), 3U + 4U * 6U);
  EXPECT_THAT(two, HasSubstr("KL to the parent against Agg-cos"));
  EXPECT_THAT(two, Not(HasSubstr("nan")));
  square.agg_cosine.assign(9, 0.25);  // nothing to correlate with, but dots all the same
  const auto flat = scatter_svg(matrix, square, read_square(square));
  EXPECT_THAT(flat, HasSubstr("no correlation is defined"));
  EXPECT_THAT(flat, Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace coe
