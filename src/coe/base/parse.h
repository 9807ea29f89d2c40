// Parts of what people write on a command line.
#pragma once

#include "coe/base/weight.h"

#include <charconv>
#include <string_view>
#include <system_error>
#include <utility>

namespace coe {

// Reads all of `text` as a number. False, with `number` as it may be, where it is none.
template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// The same for what something weighs. `inf` and `nan` are numbers to the library.
inline bool parse_weight(std::string_view text, double& weight) {
  return parse_number(text, weight) && is_weight(weight);
}

// Before and after the last colon; after is empty without one. A file's name may hold colons.
inline std::pair<std::string_view, std::string_view> split_last(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return {text, {}};
  return {text.substr(0, colon), text.substr(colon + 1)};
}

}  // namespace coe
