#include "coe/college/report/numbers.h"

#include "coe/base/json.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <cstddef>
#include <string>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

}  // namespace

double rounded_for_page(double value) {
  if (!std::isfinite(value)) return value;
  const auto text = fmt::format("{:.4g}", value);
  double rounded = 0.0;
  std::from_chars(text.data(), text.data() + text.size(), rounded);
  return rounded;
}

Json rounded_row(std::span<const double> values) {
  Json row = Json::array();
  for (const double value : values) row.push_back(rounded_for_page(value));
  return row;
}

Json rounded_table(const ExpertTable<double>& table) {
  Json rows = Json::array();
  for (std::size_t l = 0; l < table.n_layer(); ++l) rows.push_back(rounded_row(table.row(l)));
  return rows;
}

Json interval_json(const Interval& interval) {
  return {rounded_for_page(interval.value), rounded_for_page(interval.lower),
          rounded_for_page(interval.upper)};
}

}  // namespace coe
