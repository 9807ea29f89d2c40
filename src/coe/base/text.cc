#include "coe/base/text.h"

#include "coe/base/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <system_error>
#include <vector>

namespace coe {

std::string human_bytes(std::uint64_t bytes) {
  constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB"};
  if (bytes < 1000) return fmt::format("{} B", bytes);
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000.0;
    ++unit;
  }
  const int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return fmt::format("{:.{}f} {}", value, decimals, kUnits[unit]);
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  double value = 0.0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  auto unit = lower_ascii(text.substr(static_cast<std::size_t>(stop - text.data())));
  unit.erase(0, unit.find_first_not_of(' '));
  constexpr std::string_view kLetters = "kmgt";
  const auto power = unit.empty() ? std::string_view::npos : kLetters.find(unit.front());
  const bool is_binary = unit.size() == 3 && unit.ends_with("ib");
  const bool is_unit =
      unit == "b" || unit.empty() ||
      (power != std::string_view::npos &&
       (unit.size() == 1 || is_binary || (unit.size() == 2 && unit.back() == 'b')));
  const double step = is_binary ? 1024.0 : 1000.0;
  const double bytes = power == std::string_view::npos
                           ? value
                           : value * std::pow(step, static_cast<double>(power + 1));
  if (error != std::errc() || !is_unit || !(bytes >= 1.0 && bytes < 1e18))
    return fail(Code::kInvalidArgument, fmt::format("`{}` is no amount of bytes", printable(text)),
                "for example 12GB (12,000,000,000 bytes) or 12GiB (12,884,901,888)");
  return static_cast<std::uint64_t>(std::llround(bytes));
}

std::string_view tool_version() { return COE_VERSION; }

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitution = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitution});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string_view closest_match(std::string_view word, std::span<const std::string> candidates) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace coe
