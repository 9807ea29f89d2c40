#include "coe/measure/browser/base64.h"

#include <cstddef>
#include <cstdint>

namespace coe {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out += k <= n ? kAlphabet[group >> (18 - 6 * k) & 63U] : '=';
  }
  return out;
}

Result<std::string> base64_decode(std::string_view text) {
  const auto size = text.find_last_not_of('=') + 1;  // npos + 1 is 0
  if (text.size() % 4 != 0 || text.size() - size > 2)
    return fail(Code::kCorrupt, "base64: the length is not that of an encoding");
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t bits = 0;
  unsigned n_bit = 0;
  for (const char c : text.substr(0, size)) {
    const auto digit = kAlphabet.find(c);
    if (digit == std::string_view::npos)
      return fail(Code::kCorrupt, "base64: a character that it does not have");
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    n_bit += 6;
    if (n_bit < 8) continue;
    n_bit -= 8;
    out += static_cast<char>(bits >> n_bit & 255U);
  }
  return out;
}

}  // namespace coe
