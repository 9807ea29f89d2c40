// Parts that charts share: headings, scales from values to pixels, axes, bands.
#pragma once

#include "coe/base/picture/palette.h"
#include "coe/base/picture/svg.h"

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// The title in the upper left corner, and lines of explanation below it.
void draw_heading(Svg& svg, std::string_view title, std::initializer_list<std::string_view> notes);

// From values to pixels, along a straight line.
struct Scale {
  double least = 0.0;
  double most = 1.0;
  double from = 0.0;  // where `least` is
  double to = 1.0;    // where `most` is
  // The middle where there is but one value.
  double operator()(double value) const;
};

// Round numbers at equal steps, the first and the last around all values.
struct RoundSteps {
  double least = 0.0;
  double most = 1.0;
  double step = 0.5;
};
// At most seven steps. `values` must not be empty.
RoundSteps round_steps(std::span<const double> values);

struct Tick {
  double value = 0.0;
  std::string label;
};
// Labels have at most three significant digits.
std::vector<Tick> ticks_of(const RoundSteps& steps);
std::vector<Tick> ticks_of(double least, double most, int n_step);
// From 0 to `most`, with labels that are whole numbers; from 0 to 1, with labels in percent.
std::vector<Tick> count_ticks(double most, int n_step);
std::vector<Tick> percent_ticks(int n_step);

// A line across the chart for each tick, and its label to the left.
void draw_rows(Svg& svg, const Scale& up, double left, double right, std::span<const Tick> ticks);

enum class ColumnLines { kNone, kGrid };
// Labels below the chart, and on request a line up from each. A tick less than `min_gap` pixels
// beyond the last one is left out.
void draw_columns(Svg& svg, const Scale& across, double top, double bottom,
                  std::span<const Tick> ticks, ColumnLines lines, double min_gap = 0.0);

// The area between two curves, points from left to right.
void draw_band(Svg& svg, std::span<const Point> upper, std::span<const Point> lower,
               std::string_view fill);

}  // namespace coe
