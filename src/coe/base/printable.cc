#include "coe/base/printable.h"

#include "coe/base/utf8.h"

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace coe {

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

}  // namespace coe
