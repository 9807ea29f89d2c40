#include "coe/base/printable.h"

#include <gtest/gtest.h>

#include <string>

namespace coe {
namespace {

TEST(Printable, KeepsPlainAndUtf8Text) {
  EXPECT_EQ(printable("blk.0.ffn_up"), "blk.0.ffn_up");
  EXPECT_EQ(printable("größe ▁ 😀"), "größe ▁ 😀");
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, EscapesControlCharacters) {
  EXPECT_EQ(printable("a\nb"), "a\\nb");
  EXPECT_EQ(printable(std::string("\0\x1b[31m\x7f", 7)), "\\x00\\x1b[31m\\x7f");
}

TEST(Printable, EscapesMalformedUtf8) {
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\xc3"), "\\xc3");                             // cut off
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(printable("\xe0\x80\x80"), "\\xe0\\x80\\x80");           // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // above U+10FFFF
  EXPECT_EQ(printable("\xe2\x96"
                      "a"),
            "\\xe2\\x96a");
}

TEST(Printable, CutsLongTextAtACharacter) {
  EXPECT_EQ(printable("abcdef", 3), "abc…");
  EXPECT_EQ(printable("aß", 2), "aß");
  EXPECT_EQ(printable("aßc", 2), "aß…");
}

}  // namespace
}  // namespace coe
