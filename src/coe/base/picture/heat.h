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
// What can be read best on a ground of this colour: white or the pictures' ink.
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

// A strip in `n_step` steps of colour, for shares from 0 to 1.
void draw_gradient(Svg& svg, Point corner, double width, double height, int n_step,
                   const std::function<Rgb(double share)>& colour);

}  // namespace coe
