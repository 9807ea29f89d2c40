#include "coe/base/whole_characters.h"

#include "coe/base/utf8.h"

#include <charconv>
#include <cstddef>
#include <string_view>
#include <system_error>

namespace coe {

namespace {

constexpr std::size_t kEscape = 6;

// The value of "\ud83d" at `at`, 0 where no such escape stands.
unsigned surrogate_at(std::string_view text, std::size_t at) {
  unsigned value = 0;
  if (at + kEscape > text.size() || text.substr(at, 2) != "\\u") return 0;
  const auto [end, error] =
      std::from_chars(text.data() + at + 2, text.data() + at + kEscape, value, 16);
  const bool is_one = error == std::errc() && end == text.data() + at + kEscape &&
                      value >= 0xd800 && value <= 0xdfff;
  return is_one ? value : 0;
}

// Bytes at `at` that are whole; 0 for a half.
std::size_t whole_at(std::string_view text, std::size_t at) {
  constexpr unsigned kFirstLow = 0xdc00;
  const std::size_t n = utf8_length(text.substr(at));
  if (text[at] != '\\') return n;
  const unsigned first = surrogate_at(text, at);
  if (first == 0)  // "\\\\ud83d" holds no escape of a character
    return at + 1 < text.size() && text[at + 1] == '\\' ? 2 : 1;
  return first < kFirstLow && surrogate_at(text, at + kEscape) >= kFirstLow ? 2 * kEscape : 0;
}

}  // namespace

WholeCharacters whole_characters(std::string_view json) {
  WholeCharacters out;
  out.text.reserve(json.size());
  for (std::size_t at = 0; at < json.size();) {
    const std::size_t n = whole_at(json, at);
    if (n > 0) {
      out.text += json.substr(at, n);
      at += n;
      continue;
    }
    out.text += "\xef\xbf\xbd";
    ++out.n_replaced;
    at += json[at] == '\\' ? kEscape : 1;
  }
  return out;
}

}  // namespace coe
