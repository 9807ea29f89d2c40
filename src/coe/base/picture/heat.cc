#include "coe/base/picture/heat.h"

#include "coe/base/picture/palette.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace coe {

namespace {

// Relative luminance of sRGB, as WCAG 2 defines it for contrasts.
double luminance(Rgb colour) {
  const auto linear = [](std::uint8_t channel) {
    const double c = channel / 255.0;
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(colour.r) + 0.7152 * linear(colour.g) + 0.0722 * linear(colour.b);
}

}  // namespace

Rgb heat(double share) {
  return share < 0.5 ? mix(palette::kLow, palette::kMiddle, 2.0 * share)
                     : mix(palette::kMiddle, palette::kHigh, 2.0 * share - 1.0);
}

double contrast(Rgb a, Rgb b) {
  const auto [low, high] = std::minmax({luminance(a), luminance(b)});
  return (high + 0.05) / (low + 0.05);
}

std::string_view ink_on(Rgb ground) {
  return contrast(ground, {0xff, 0xff, 0xff}) > contrast(ground, {0, 0, 0}) ? "#fff" : "#000";
}

Point CellGrid::at(std::size_t row, std::size_t column) const {
  return {corner.x + width * static_cast<double>(column),
          corner.y + height * static_cast<double>(row)};
}

void CellGrid::fill(Svg& svg, std::size_t row, std::size_t column, std::optional<double> share,
                    std::size_t n_column) const {
  const auto colour = share ? hex(heat(*share)) : std::string(palette::kNothing);
  svg.rect(at(row, column), width * static_cast<double>(n_column) - gap_x, height - gap_y, colour);
}

void draw_gradient(Svg& svg, Point corner, double width, double height, int n_step,
                   const std::function<Rgb(double share)>& colour) {
  // The steps overlap a little: between edges that meet, a viewer may show the ground.
  for (int i = 0; i < n_step; ++i)
    svg.rect({corner.x + width * i / n_step, corner.y}, width / n_step + 0.3, height,
             hex(colour((i + 0.5) / n_step)));
}

void draw_heat_key(Svg& svg, Point right, std::string_view lowest, std::string_view highest) {
  constexpr double kKey = 130;
  const double left = right.x - kKey - 6;
  draw_gradient(svg, {left, right.y - 10}, kKey, 11, 26, heat);
  svg.text({left - 6, right.y}, Anchor::kEnd, 11, lowest, palette::kGrey);
  svg.text(right, Anchor::kStart, 11, highest, palette::kGrey);
}

}  // namespace coe
