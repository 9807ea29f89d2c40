// Numbers that stand for many.
#pragma once

#include <span>
#include <vector>

namespace coe {

// Both are 0 of nothing.
double mean(std::span<const double> values);
double median(std::vector<double> values);

}  // namespace coe
