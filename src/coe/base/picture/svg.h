// This makes drawings as SVG text: shapes and words with numbers in pixels, nothing that needs a
// font's widths. The same calls give the same bytes. The caller decides what is drawn where.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace coe {

struct Point {
  double x = 0.0;
  double y = 0.0;
};

struct Rgb {
  std::uint8_t r = 0;
  std::uint8_t g = 0;
  std::uint8_t b = 0;
};

// "#rrggbb"
std::string hex(Rgb colour);
// Returns the colour at `share` (clamped to [0, 1]) of the way from one to the other.
Rgb mix(Rgb from, Rgb to, double share);

struct Stroke {
  std::string_view colour = "#222";
  double width = 1.0;
  std::string_view dashes = {};  // "5 4"
  double opacity = 1.0;
};

enum class Anchor { kStart, kMiddle, kEnd };

class Svg {
 public:
  // `size` of the font in pixels. Markup in `words` is escaped.
  void text(Point at, Anchor anchor, int size, std::string_view words,
            std::string_view colour = "#222");
  void rect(Point corner, double width, double height, std::string_view fill);
  void line(Point from, Point to, const Stroke& stroke);
  void polyline(std::span<const Point> points, const Stroke& stroke);
  void polygon(std::span<const Point> points, std::string_view fill);
  void circle(Point centre, double radius, std::string_view fill);
  // The whole document on a white ground. The drawing is empty afterwards.
  std::string finish(double width, double height);

 private:
  std::string body_;
};

}  // namespace coe
