#include "coe/base/picture/heat.h"

#include "coe/base/picture/palette.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace coe {
namespace {

using ::testing::HasSubstr;

TEST(Heat, GoesFromLightToDark) {
  EXPECT_EQ(hex(heat(0.0)), hex(palette::kLow));
  EXPECT_EQ(hex(heat(0.5)), hex(palette::kMiddle));
  EXPECT_EQ(hex(heat(1.0)), hex(palette::kHigh));
  EXPECT_EQ(hex(heat(-3.0)), hex(palette::kLow));
  EXPECT_EQ(hex(heat(3.0)), hex(palette::kHigh));
  EXPECT_EQ(hex(palette::kHigh), palette::kNavy);
}

TEST(InkOn, CanBeRead) {
  EXPECT_EQ(ink_on({255, 255, 255}), palette::kInk);
  EXPECT_EQ(ink_on({0, 0, 0}), "#fff");
  EXPECT_EQ(ink_on(palette::kLow), palette::kInk);
  EXPECT_EQ(ink_on(palette::kHigh), "#fff");
}

TEST(CellGrid, FillsCellsAndRunsOfThem) {
  const CellGrid grid{{100, 50}, 20, 10, 2, 1};
  EXPECT_EQ(grid.at(2, 3).x, 160);
  EXPECT_EQ(grid.at(2, 3).y, 70);
  Svg svg;
  grid.fill(svg, 2, 3, 1.0);
  EXPECT_THAT(
      svg.finish(9, 9),
      HasSubstr("<rect x=\"160.00\" y=\"70.0\" width=\"18.00\" height=\"9.0\" fill=\"#123c70\"/>"));
  grid.fill(svg, 0, 0, std::nullopt, 3);
  EXPECT_THAT(svg.finish(9, 9), HasSubstr("width=\"58.00\" height=\"9.0\" fill=\"#e2e2e2\""));
}

TEST(Gradient, HasItsSteps) {
  Svg svg;
  draw_gradient(svg, {10, 20}, 100, 8, 2, heat);
  const auto text = svg.finish(9, 9);
  EXPECT_THAT(text, HasSubstr("x=\"10.00\" y=\"20.0\" width=\"50.30\""));
  EXPECT_THAT(text, HasSubstr("x=\"60.00\""));
  EXPECT_THAT(text, HasSubstr(hex(heat(0.25))));
  EXPECT_THAT(text, HasSubstr(hex(heat(0.75))));
}

}  // namespace
}  // namespace coe
