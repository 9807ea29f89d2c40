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

// A terminal takes some characters beyond ASCII for commands, too, and some turn lines around.
TEST(Printable, EscapesControlsBeyondAscii) {
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "\\xc2\\x9b2J");
  EXPECT_EQ(printable("a\xe2\x80\xae"
                      "b"),
            "a\\xe2\\x80\\xaeb");
  EXPECT_EQ(printable("\xe2\x81\xa6"), "\\xe2\\x81\\xa6");
  EXPECT_EQ(printable("\xc2\xa0\xe2\x80\x94"), "\xc2\xa0\xe2\x80\x94");  // a wide blank, a dash
}

TEST(PrintableLines, KeepsLinesAndTabsOnly) {
  EXPECT_EQ(printable_lines("a\tb\nc\rd\x1b]0;title\x07\n"), "a\tb\nc\\x0dd\\x1b]0;title\\x07\n");
  EXPECT_EQ(printable_lines(std::string(200, 'a')), std::string(200, 'a'));
  EXPECT_EQ(printable_lines("\xff ß"), "\\xff ß");
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
