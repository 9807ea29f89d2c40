#include "coe/base/stats/interval_text.h"

#include <fmt/format.h>

namespace coe {

NumberText fixed(int n_decimal) {
  return [n_decimal](double value) { return fmt::format("{:.{}f}", value, n_decimal); };
}

NumberText significant(int n_digit) {
  return [n_digit](double value) { return fmt::format("{:.{}g}", value, n_digit); };
}

NumberText percent(int n_decimal) {
  return [n_decimal](double share) { return fmt::format("{:.{}f}", 100.0 * share, n_decimal); };
}

std::string interval_text(const Interval& interval, const NumberText& number,
                          std::string_view unit) {
  return fmt::format("{}{}{} [{}, {}]", number(interval.value), unit.empty() ? "" : " ", unit,
                     number(interval.lower), number(interval.upper));
}

}  // namespace coe
