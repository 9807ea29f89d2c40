#include "coe/base/whole_characters.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace coe {
namespace {

TEST(WholeCharacters, ReplacesHalvesAndNothingElse) {
  const auto expect = [](std::string_view json, std::string_view text, std::uint64_t n_replaced) {
    const auto found = whole_characters(json);
    EXPECT_EQ(found.text, text) << json;
    EXPECT_EQ(found.n_replaced, n_replaced) << json;
  };
  expect("", "", 0);
  expect("{\"a\":\"caf\xc3\xa9 \\u00e9 \\n\"}", "{\"a\":\"caf\xc3\xa9 \\u00e9 \\n\"}", 0);
  expect("caf\xc3", "caf\xef\xbf\xbd", 1);
  expect("\xa9 ok", "\xef\xbf\xbd ok", 1);
  expect("\xff\xfe", "\xef\xbf\xbd\xef\xbf\xbd", 2);
  expect("\xe2\x82z", "\xef\xbf\xbd\xef\xbf\xbdz", 2);  // a byte is the unit
  expect(R"(\ud83d\ude00)", R"(\ud83d\ude00)", 0);
  expect(R"(\ud83d!)", "\xef\xbf\xbd!", 1);
  expect(R"(\ude00\ud83d)", "\xef\xbf\xbd\xef\xbf\xbd", 2);
  expect(R"(\ud83d\ud83d\ude00)", "\xef\xbf\xbd\\ud83d\\ude00", 1);
  expect(R"(\\ud83d)", R"(\\ud83d)", 0);  // a backslash and letters
  expect(R"(\\\ud83d)", "\\\\\xef\xbf\xbd", 1);
  expect(R"(\ud8)", R"(\ud8)", 0);
  expect("\\", "\\", 0);
}

}  // namespace
}  // namespace coe
