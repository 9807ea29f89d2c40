#include "coe/base/picture/heat.h"

#include "coe/base/picture/palette.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <sstream>
#include <string>

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
  EXPECT_EQ(ink_on({255, 255, 255}), "#000");
  EXPECT_EQ(ink_on({0, 0, 0}), "#fff");
  EXPECT_EQ(ink_on(palette::kLow), "#000");
  EXPECT_EQ(ink_on(palette::kHigh), "#fff");
  // On all colours of a heat map.
  for (int i = 0; i <= 1000; ++i) {
    const auto ground = heat(i / 1000.0);
    const Rgb ink = ink_on(ground) == "#fff" ? Rgb{255, 255, 255} : Rgb{0, 0, 0};
    EXPECT_GE(contrast(ground, ink), 4.5) << hex(ground);
  }
}

TEST(Contrast, IsThatOfTheGuidelines) {
  EXPECT_DOUBLE_EQ(contrast({255, 255, 255}, {0, 0, 0}), 21.0);
  EXPECT_DOUBLE_EQ(contrast({0, 0, 0}, {255, 255, 255}), 21.0);
  EXPECT_DOUBLE_EQ(contrast({7, 8, 9}, {7, 8, 9}), 1.0);
  EXPECT_NEAR(contrast({0x76, 0x76, 0x76}, {255, 255, 255}), 4.54, 0.005);  // the known limit
}

TEST(Palette, WordsStandOutFromTheGround) {
  for (const auto colour :
       {palette::kInk, palette::kGrey, palette::kBlue, palette::kOrange, palette::kNavy}) {
    unsigned value = 0;
    std::string digits(colour.substr(1));
    if (digits.size() == 3)
      digits = {digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]};
    std::istringstream(digits) >> std::hex >> value;
    const Rgb rgb{static_cast<std::uint8_t>(value >> 16), static_cast<std::uint8_t>(value >> 8),
                  static_cast<std::uint8_t>(value)};
    EXPECT_GE(contrast(rgb, {255, 255, 255}), 4.5) << colour;
  }
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

TEST(HeatKey, SaysWhatTheEndsMean) {
  Svg svg;
  draw_heat_key(svg, {300, 40}, "0", "100 %");
  const auto text = svg.finish(9, 9);
  EXPECT_THAT(text, HasSubstr(">0<"));
  EXPECT_THAT(text, HasSubstr("<text x=\"300.0\" y=\"40.0\" text-anchor=\"start\""));
  EXPECT_THAT(text, HasSubstr(">100 %<"));
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
