#include "coe/base/utf8.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <ios>
#include <string>
#include <string_view>

namespace coe {
namespace {

constexpr std::size_t kValid = std::string_view::npos;

// Every code point through an encoder written from the definition.
std::string encode(std::uint32_t c) {
  const auto byte = [](std::uint32_t v) {
    return static_cast<char>(static_cast<unsigned char>(v));
  };
  if (c < 0x80) return {byte(c)};
  if (c < 0x800) return {byte(0xc0 | (c >> 6)), byte(0x80 | (c & 0x3f))};
  if (c < 0x10000)
    return {byte(0xe0 | (c >> 12)), byte(0x80 | ((c >> 6) & 0x3f)), byte(0x80 | (c & 0x3f))};
  return {byte(0xf0 | (c >> 18)), byte(0x80 | ((c >> 12) & 0x3f)), byte(0x80 | ((c >> 6) & 0x3f)),
          byte(0x80 | (c & 0x3f))};
}

TEST(Utf8, AcceptsEveryScalarValueAndNothingElse) {
  for (std::uint32_t c = 0; c < 0x110400; ++c) {
    const bool scalar = c < 0x110000 && (c < 0xd800 || c > 0xdfff);
    const std::string text = encode(c);
    ASSERT_EQ(find_invalid_utf8(text) == kValid, scalar) << std::hex << c;
    if (scalar) {
      ASSERT_EQ(count_chars(text), 1U) << std::hex << c;
    }
  }
}

TEST(Utf8, AcceptsFewerThanAllShortByteStrings) {
  // Of all two-byte strings, the valid ones are 128² ASCII pairs and 30 · 64 two-byte characters.
  std::uint32_t n_valid = 0;
  for (int a = 0; a < 256; ++a) {
    for (int b = 0; b < 256; ++b) {
      const std::string text = {static_cast<char>(a), static_cast<char>(b)};
      if (find_invalid_utf8(text) == kValid) ++n_valid;
    }
  }
  EXPECT_EQ(n_valid, 128U * 128U + 30U * 64U);
}

TEST(Utf8, NamesTheFirstBadByte) {
  EXPECT_EQ(find_invalid_utf8(""), kValid);
  EXPECT_EQ(find_invalid_utf8("plain text, more than eight bytes"), kValid);
  EXPECT_EQ(find_invalid_utf8("sixteen bytes ok\xff"), 16U);
  EXPECT_EQ(find_invalid_utf8("abc\xc3"), 3U);          // cut short
  EXPECT_EQ(find_invalid_utf8("\xc0\xaf"), 0U);         // overlong '/'
  EXPECT_EQ(find_invalid_utf8("ok \xe0\x80\xaf"), 3U);  // overlong, three bytes
  EXPECT_EQ(find_invalid_utf8("caf\xe9 in Latin-1, some words"), 3U);
}

TEST(Utf8, CountsCodePointsNotBytes) {
  EXPECT_EQ(count_chars(""), 0U);
  EXPECT_EQ(count_chars("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), 4U);
}

}  // namespace
}  // namespace coe
