#include "coe/base/markup.h"

#include <gtest/gtest.h>

#include <string>

namespace coe {
namespace {

TEST(Markup, EscapesWhatWouldBeTakenForIt) {
  EXPECT_EQ(escaped_markup("a <b> & \"c\" 'd'"), "a &lt;b&gt; &amp; &quot;c&quot; 'd'");
  EXPECT_EQ(escaped_markup("&lt;"), "&amp;lt;");
  EXPECT_EQ(escaped_markup(""), "");
}

TEST(Markup, LeavesOutWhatXmlDoesNotTake) {
  EXPECT_EQ(escaped_markup(std::string("a\0\x01\x1f\x0b", 5) + "b\t\r\n"), "ab\t\r\n");
  EXPECT_EQ(escaped_markup("é \x7f"), "é \x7f");
}

}  // namespace
}  // namespace coe
