// Intervals as tables show them.
#pragma once

#include "coe/base/stats/bootstrap.h"

#include <functional>
#include <string>
#include <string_view>

namespace coe {

using NumberText = std::function<std::string(double)>;

// Decimals after the point; significant digits; the hundredfold, with decimals after the point.
NumberText fixed(int n_decimal);
NumberText significant(int n_digit);
NumberText percent(int n_decimal = 1);

// "0.84 [0.54, 1.24]"; with a unit "84 % [54, 124]".
std::string interval_text(const Interval& interval, const NumberText& number,
                          std::string_view unit = {});

}  // namespace coe
