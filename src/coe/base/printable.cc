#include "coe/base/printable.h"

#include "coe/base/utf8.h"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace coe {

namespace {

// Says whether a terminal, or whoever reads it, is led astray by the character that `text` begins
// with: the controls of ASCII, those of Latin-1 (U+0080 to U+009F), and those that turn the
// direction of writing (U+202A to U+202E, U+2066 to U+2069).
bool is_control(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (byte(0) < 0x20 || byte(0) == 0x7f) return true;
  if (byte(0) == 0xc2) return byte(1) < 0xa0;
  if (byte(0) != 0xe2) return false;
  return (byte(1) == 0x80 && byte(2) >= 0xaa && byte(2) <= 0xae) ||
         (byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9);
}

// Moves the first character from `text` to `out`, or its bytes as \xNN. Returns their number.
std::size_t take_character(std::string_view& text, std::string& out) {
  const std::size_t length = utf8_length(text);
  const bool escaped = length == 0 || is_control(text);
  const std::size_t n = length == 0 ? 1 : length;
  for (const char c : text.substr(0, n)) {
    if (escaped)
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    else
      out += c;
  }
  text.remove_prefix(n);
  return n;
}

}  // namespace

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  std::size_t used = 0;
  while (!text.empty() && used < max_bytes) {
    if (text.front() == '\n') {
      out += "\\n";
      text.remove_prefix(1);
      ++used;
    } else {
      used += take_character(text, out);
    }
  }
  if (!text.empty()) out += "…";
  return out;
}

std::string printable_lines(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    if (text.front() == '\n' || text.front() == '\t') {
      out += text.front();
      text.remove_prefix(1);
    } else {
      take_character(text, out);
    }
  }
  return out;
}

}  // namespace coe
