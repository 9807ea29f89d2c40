#include "coe/cli/interval_text.h"

#include <fmt/format.h>

namespace coe::cli {

NumberText fixed(int n_decimal) {
  return [n_decimal](double value) { return fmt::format("{:.{}f}", value, n_decimal); };
}

NumberText significant(int n_digit) {
  return [n_digit](double value) { return fmt::format("{:.{}g}", value, n_digit); };
}

NumberText percent() {
  return [](double share) { return fmt::format("{:.1f}", 100.0 * share); };
}

std::string interval_text(const Interval& interval, const NumberText& number) {
  return fmt::format("{} [{}, {}]", number(interval.value), number(interval.lower),
                     number(interval.upper));
}

}  // namespace coe::cli
