// Tables whose cells are coloured by their values.
#pragma once

#include "coe/base/picture/svg.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <string_view>

namespace coe {

// The colour of a value at `share` (clamped to [0, 1]) of the way from the lowest to the highest.
Rgb heat(double share);
// How much two colours stand out from each other, from 1 to 21, as WCAG 2 counts it.
double contrast(Rgb a, Rgb b);
// What can be read best on a ground of this colour: white or black. One of them always stands out
// by more than the 4.5 that small words need.
std::string_view ink_on(Rgb ground);

// Where the cells of a table lie: rows downwards, columns to the right.
struct CellGrid {
  Point corner;
  double width = 1.0;  // of a cell, with the gap behind it
  double height = 1.0;
  double gap_x = 1.0;
  double gap_y = 1.0;

  Point at(std::size_t row, std::size_t column) const;
  // A cell, or n_column of them in one piece. Without a share: a cell that has no value.
  void fill(Svg& svg, std::size_t row, std::size_t column, std::optional<double> share,
            std::size_t n_column = 1) const;
};

// What the colours of heat() mean: a strip with the words for the lowest and the highest value at
// its ends. `right` is where the words on the right begin.
void draw_heat_key(Svg& svg, Point right, std::string_view lowest, std::string_view highest);

// A strip in `n_step` steps of colour, for shares from 0 to 1.
void draw_gradient(Svg& svg, Point corner, double width, double height, int n_step,
                   const std::function<Rgb(double share)>& colour);

}  // namespace coe
