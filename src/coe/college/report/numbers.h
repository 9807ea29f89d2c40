// Numbers as a report's JSON holds them.
#pragma once

#include "coe/base/stats/bootstrap.h"
#include "coe/model/moe/expert_table.h"

#include <nlohmann/json_fwd.hpp>

#include <span>

namespace coe {

// `value` with four significant digits: pictures show no more, and pages stay small.
double rounded_for_page(double value);
nlohmann::ordered_json rounded_row(std::span<const double> values);
// One array for each layer.
nlohmann::ordered_json rounded_table(const ExpertTable<double>& table);
// [value, lower, upper].
nlohmann::ordered_json interval_json(const Interval& interval);

}  // namespace coe
