#include "coe/ask/endpoint/rate_limit.h"

#include "coe/base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace coe {

namespace {

struct Unit {
  std::string_view name;
  double seconds;
};
// Longer names before those that they begin with.
constexpr std::array kUnits = {Unit{"milliseconds", 0.001},
                               Unit{"millisecond", 0.001},
                               Unit{"ms", 0.001},
                               Unit{"seconds", 1.0},
                               Unit{"second", 1.0},
                               Unit{"secs", 1.0},
                               Unit{"sec", 1.0},
                               Unit{"s", 1.0},
                               Unit{"minutes", 60.0},
                               Unit{"minute", 60.0},
                               Unit{"mins", 60.0},
                               Unit{"min", 60.0},
                               Unit{"m", 60.0},
                               Unit{"hours", 3600.0},
                               Unit{"hour", 3600.0},
                               Unit{"h", 3600.0},
                               Unit{"days", 86400.0},
                               Unit{"day", 86400.0},
                               Unit{"d", 86400.0}};

constexpr double kYear = 366.0 * 86400.0;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string_view without_blanks(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

// Reads the duration that `text` begins with and leaves the rest in it.
std::optional<double> leading_duration(std::string_view& text) {
  double total = 0.0;
  bool any = false;
  while (true) {
    std::string_view rest = without_blanks(text);
    double value = 0.0;
    const auto [end, error] =
        std::from_chars(rest.data(), rest.data() + rest.size(), value, std::chars_format::fixed);
    if (error != std::errc() || !(value >= 0.0) || !std::isfinite(value)) break;
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const auto named = without_blanks(rest);
    const auto* const unit = std::ranges::find_if(kUnits, [&](const Unit& known) {
      const std::size_t n = known.name.size();
      return named.starts_with(known.name) && (named.size() == n || !is_letter(named[n]));
    });
    if (unit == kUnits.end()) {
      if (any) break;
      text = rest;
      return value;  // no unit: seconds
    }
    any = true;
    total += value * unit->seconds;
    text = named.substr(unit->name.size());
  }
  return any ? std::optional(total) : std::nullopt;
}

std::optional<double> in_message(std::string_view message) {
  const std::string folded = lower_ascii(message);
  for (const std::string_view phrase : {"try again in", "retry in", "try again after",
                                        "retry after", "retry_after", "retrydelay"}) {
    for (auto at = folded.find(phrase); at != std::string::npos;
         at = folded.find(phrase, at + phrase.size())) {
      auto rest = std::string_view(folded).substr(at + phrase.size());
      rest.remove_prefix(std::min(rest.find_first_not_of(" :\"`'"), rest.size()));
      if (const auto seconds = leading_duration(rest)) return seconds;
    }
  }
  return std::nullopt;
}

// A reset is a duration, or a point in time in seconds or milliseconds since
// 1970.
std::optional<double> parse_reset(std::string_view text, double now) {
  auto seconds = parse_duration(text);
  if (!seconds) return seconds;
  if (*seconds > 1000.0 * kYear) *seconds /= 1000.0;
  if (*seconds > kYear) *seconds = std::max(0.0, *seconds - now);
  return seconds;
}

std::optional<double> by_limits(const HttpHeaders& headers, double now) {
  constexpr std::string_view kReset = "x-ratelimit-reset";
  std::optional<double> used_up;
  std::optional<double> any;
  for (const auto& [name, value] : headers) {
    if (!name.starts_with(kReset)) continue;
    const auto seconds = parse_reset(value, now);
    if (!seconds) continue;
    any = std::max(any.value_or(0.0), *seconds);
    const auto left = headers.find("x-ratelimit-remaining" + name.substr(kReset.size()));
    if (left != headers.end() && parse_duration(left->second) == 0.0)
      used_up = std::max(used_up.value_or(0.0), *seconds);
  }
  return used_up ? used_up : any;
}

}  // namespace

std::optional<double> parse_duration(std::string_view text) {
  auto rest = text;
  const auto seconds = leading_duration(rest);
  return without_blanks(rest).empty() ? seconds : std::nullopt;
}

std::optional<double> asked_seconds(const HttpHeaders& headers, std::string_view message,
                                    double now) {
  if (const auto found = headers.find("retry-after-ms"); found != headers.end())
    if (const auto wait = parse_duration(found->second)) return *wait / 1000.0;
  if (const auto found = headers.find("retry-after"); found != headers.end())
    if (const auto wait = parse_duration(found->second)) return wait;
  if (const auto wait = in_message(message)) return wait;
  return by_limits(headers, now);
}

}  // namespace coe
