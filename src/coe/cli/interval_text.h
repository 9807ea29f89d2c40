// Intervals as tables show them.
#pragma once

#include "coe/eval/bootstrap.h"

#include <functional>
#include <string>

namespace coe::cli {

using NumberText = std::function<std::string(double)>;

// Decimals after the point; significant digits; hundredfold with one decimal.
NumberText fixed(int n_decimal);
NumberText significant(int n_digit);
NumberText percent();

// "0.84 [0.54, 1.24]"
std::string interval_text(const Interval& interval, const NumberText& number);

}  // namespace coe::cli
