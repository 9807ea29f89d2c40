#include "coe/base/picture/chart.h"

#include "coe/base/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace coe {

namespace {

template <class Label>
std::vector<Tick> labelled(double least, double most, int n_step, Label&& label) {
  std::vector<Tick> out;
  for (int i = 0; i <= n_step; ++i) {
    const double value = least + (most - least) * i / n_step;
    out.push_back({value, label(value)});
  }
  return out;
}

}  // namespace

void draw_heading(Svg& svg, std::string_view title, std::initializer_list<std::string_view> notes) {
  svg.text({16, 30}, Anchor::kStart, 18, title);
  double y = 52;
  for (const auto note : notes) {
    svg.text({16, y}, Anchor::kStart, 13, note, palette::kGrey);
    y += 18;
  }
}

double Scale::operator()(double value) const {
  if (!(most > least)) return (from + to) / 2;
  return from + (to - from) * (value - least) / (most - least);
}

RoundSteps round_steps(std::span<const double> values) {
  COE_CHECK(!values.empty());
  const auto [low, high] = std::ranges::minmax(values);
  const double span = std::max(high - low, 1e-6);
  const double unit = std::pow(10.0, std::floor(std::log10(span / 4)));
  double step = unit;
  for (const double factor : {2.0, 5.0, 10.0})
    if (span / step > 5) step = unit * factor;
  const double least = std::floor(low / step) * step;
  return {least, std::max(std::ceil(high / step) * step, least + step), step};
}

std::vector<Tick> ticks_of(const RoundSteps& steps) {
  std::vector<Tick> out;
  for (double v = steps.least; v < steps.most + steps.step / 2; v += steps.step)
    out.push_back({v, fmt::format("{:.3g}", v)});
  return out;
}

std::vector<Tick> ticks_of(double least, double most, int n_step) {
  return labelled(least, most, n_step, [](double v) { return fmt::format("{:.3g}", v); });
}

std::vector<Tick> count_ticks(double most, int n_step) {
  return labelled(0.0, most, n_step, [](double v) { return fmt::format("{:.0f}", v); });
}

std::vector<Tick> percent_ticks(int n_step) {
  return labelled(0.0, 1.0, n_step, [](double v) { return fmt::format("{:.0f} %", 100 * v); });
}

void draw_rows(Svg& svg, const Scale& up, double left, double right, std::span<const Tick> ticks) {
  for (const auto& tick : ticks) {
    const double y = up(tick.value);
    svg.line({left, y}, {right, y}, {palette::kGrid});
    svg.text({left - 8, y + 4}, Anchor::kEnd, 12, tick.label, palette::kGrey);
  }
}

void draw_columns(Svg& svg, const Scale& across, double top, double bottom,
                  std::span<const Tick> ticks, ColumnLines lines, double min_gap) {
  double last = -1e9;
  for (const auto& tick : ticks) {
    const double x = across(tick.value);
    if (x - last < min_gap) continue;
    last = x;
    if (lines == ColumnLines::kGrid) svg.line({x, top}, {x, bottom}, {palette::kGrid});
    svg.text({x, bottom + 16}, Anchor::kMiddle, 12, tick.label, palette::kGrey);
  }
}

void draw_band(Svg& svg, std::span<const Point> upper, std::span<const Point> lower,
               std::string_view fill) {
  std::vector<Point> outline(upper.begin(), upper.end());
  outline.insert(outline.end(), lower.rbegin(), lower.rend());
  svg.polygon(outline, fill);
}

}  // namespace coe
