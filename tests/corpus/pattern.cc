#include "pattern.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe::testing {
namespace {

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

// The longest run of `set` at the start of `text`.
std::size_t run(std::string_view text, std::string_view set) {
  const auto end = text.find_first_not_of(set);
  return end == std::string_view::npos ? text.size() : end;
}

// Length of what the kind takes at the start of `text`; none when it does not fit.
std::optional<std::size_t> taken(char kind, std::string_view text) {
  std::size_t length = 0;
  bool empty_fits = false;
  switch (kind) {
    case 'n':
      length = run(text, kDigits);
      break;
    case 'i': {
      const std::size_t sign = text.substr(0, 1) == "-" ? 1 : 0;
      const std::size_t digits = run(text.substr(sign), kDigits);
      length = digits > 0 ? sign + digits : 0;
      break;
    }
    case 'o':
      length = run(text, kDigits);
      empty_fits = true;
      break;
    case 's':
      length = run(text.substr(0, 1), "+-");
      break;
    case 'w':
    case 'W':
      length = run(text, kLetters);
      break;
    case 'l':
      length = text.find_last_of(kDigits, run(text, "0123456789, and"));
      length = length == std::string_view::npos ? 0 : length + 1;
      break;
    default:
      return std::nullopt;
  }
  if (length == 0 && !empty_fits) return std::nullopt;
  return length;
}

}  // namespace

std::optional<std::vector<std::string>> match(const std::string& text, std::string_view pattern) {
  std::vector<std::string> out = {text};
  std::string_view rest = text;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || pattern[i + 1] == '%') {
      if (rest.empty() || rest[0] != pattern[i]) return std::nullopt;
      rest.remove_prefix(1);
      if (pattern[i] == '%') ++i;
      continue;
    }
    const char kind = pattern[++i];
    const auto length = taken(kind, rest);
    if (!length) return std::nullopt;
    if (kind != 'W') out.emplace_back(rest.substr(0, *length));
    rest.remove_prefix(*length);
  }
  if (!rest.empty()) return std::nullopt;
  return out;
}

}  // namespace coe::testing
