#include "coe/base/picture/heat.h"

#include "coe/base/picture/palette.h"

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

std::string_view ink_on(Rgb ground) {
  const double of_ground = luminance(ground) + 0.05;
  const double of_ink = luminance({0x22, 0x22, 0x22}) + 0.05;
  return 1.05 / of_ground > of_ground / of_ink ? "#fff" : palette::kInk;
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

}  // namespace coe
