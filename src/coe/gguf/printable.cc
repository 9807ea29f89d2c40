#include "coe/gguf/printable.h"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace coe::gguf {
namespace {

// Length of the well-formed UTF-8 sequence at the start of `text`, 0 when it is malformed.
// Source: Unicode 15, table 3-7 (no overlong forms, no surrogates).
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto in = [&](std::size_t i, unsigned low, unsigned high) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return in(1, 0x80, 0xbf) ? 2 : 0;
  if (lead >= 0xe0 && lead <= 0xef) {
    const bool second = in(1, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf);
    return second && in(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (lead >= 0xf0 && lead <= 0xf4) {
    const bool second = in(1, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf);
    return second && in(2, 0x80, 0xbf) && in(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string printable(std::string_view text, std::size_t max_bytes) {
  std::string out;
  std::size_t used = 0;
  while (!text.empty() && used < max_bytes) {
    const std::size_t length = utf8_length(text);
    const auto lead = static_cast<unsigned char>(text[0]);
    if (length == 0 || lead < 0x20 || lead == 0x7f) {
      out += lead == '\n' ? "\\n" : fmt::format("\\x{:02x}", lead);
      text.remove_prefix(1);
      ++used;
    } else {
      out += text.substr(0, length);
      text.remove_prefix(length);
      used += length;
    }
  }
  if (!text.empty()) out += "…";
  return out;
}

}  // namespace coe::gguf
