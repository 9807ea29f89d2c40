#include "coe/base/picture/svg.h"

#include "coe/base/markup.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace coe {
namespace {

template <class... Args>
void add(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

std::string_view name(Anchor anchor) {
  switch (anchor) {
    case Anchor::kMiddle:
      return "middle";
    case Anchor::kEnd:
      return "end";
    case Anchor::kStart:
      break;
  }
  return "start";
}

std::string attributes(const Stroke& stroke) {
  std::string out = fmt::format("stroke=\"{}\" stroke-width=\"{:g}\"", stroke.colour, stroke.width);
  if (!stroke.dashes.empty()) add(out, " stroke-dasharray=\"{}\"", stroke.dashes);
  if (stroke.opacity < 1.0) add(out, " stroke-opacity=\"{:g}\"", stroke.opacity);
  return out;
}

std::string coordinates(std::span<const Point> points) {
  std::string out;
  for (const Point& p : points) add(out, "{}{:.1f},{:.1f}", out.empty() ? "" : " ", p.x, p.y);
  return out;
}

}  // namespace

std::string hex(Rgb colour) {
  return fmt::format("#{:02x}{:02x}{:02x}", colour.r, colour.g, colour.b);
}

Rgb mix(Rgb from, Rgb to, double share) {
  const double at = std::clamp(share, 0.0, 1.0);
  const auto channel = [at](std::uint8_t a, std::uint8_t b) {
    return static_cast<std::uint8_t>(std::lround(a + (b - a) * at));
  };
  return {channel(from.r, to.r), channel(from.g, to.g), channel(from.b, to.b)};
}

void Svg::text(Point at, Anchor anchor, int size, std::string_view words, std::string_view colour) {
  add(body_,
      "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-size=\"{}\" fill=\"{}\">{}</text>\n",
      at.x, at.y, name(anchor), size, colour, escaped_markup(words));
}

void Svg::rect(Point corner, double width, double height, std::string_view fill) {
  add(body_, "<rect x=\"{:.2f}\" y=\"{:.1f}\" width=\"{:.2f}\" height=\"{:.1f}\" fill=\"{}\"/>\n",
      corner.x, corner.y, width, height, fill);
}

void Svg::line(Point from, Point to, const Stroke& stroke) {
  add(body_, "<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" {}/>\n", from.x, from.y, to.x, to.y,
      attributes(stroke));
}

void Svg::polyline(std::span<const Point> points, const Stroke& stroke) {
  add(body_, "<polyline fill=\"none\" {} points=\"{}\"/>\n", attributes(stroke),
      coordinates(points));
}

void Svg::polygon(std::span<const Point> points, std::string_view fill) {
  add(body_, "<polygon fill=\"{}\" points=\"{}\"/>\n", fill, coordinates(points));
}

void Svg::circle(Point centre, double radius, std::string_view fill) {
  add(body_, "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:g}\" fill=\"{}\"/>\n", centre.x, centre.y,
      radius, fill);
}

std::string Svg::finish(double width, double height) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:g}\" height=\"{:g}\" "
      "viewBox=\"0 0 {:g} {:g}\" font-family=\"sans-serif\">\n"
      "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n{}</svg>\n",
      width, height, width, height, std::exchange(body_, {}));
}

}  // namespace coe
