#include "coe/corpus/json_line.h"

#include "coe/base/result.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::value_of;

TEST(JsonLine, KeepsStringsAndNumbersAndKindsOfTheRest) {
  const auto members = value_of(parse_json_line(
      R"({"s":"a\nb\u00e9","n":2.5,"i":-3,"b":true,"z":null,"a":[1,{"s":"no"}],"o":{"s":"no"}})"));
  ASSERT_EQ(members.size(), 7U);
  EXPECT_EQ(find_member(members, "s")->text, "a\nb\xc3\xa9");
  EXPECT_EQ(find_member(members, "n")->number, 2.5);
  EXPECT_EQ(find_member(members, "i")->number, -3.0);
  EXPECT_EQ(find_member(members, "b")->kind, JsonMember::Kind::kBoolean);
  EXPECT_EQ(find_member(members, "z")->kind, JsonMember::Kind::kNull);
  EXPECT_EQ(find_member(members, "a")->kind, JsonMember::Kind::kArray);
  EXPECT_EQ(find_member(members, "o")->kind, JsonMember::Kind::kObject);
  EXPECT_EQ(find_member(members, "x"), nullptr);
}

TEST(JsonLine, TakesTheLastOfEqualNames) {
  const auto members = value_of(parse_json_line(R"({"t":"old","t":"new"})"));
  EXPECT_EQ(find_member(members, "t")->text, "new");
}

TEST(JsonLine, KeepsAnEscapedNul) {
  const auto members = value_of(parse_json_line(R"({"t":"a\u0000b"})"));
  EXPECT_EQ(find_member(members, "t")->text, std::string("a\0b", 3));
}

TEST(JsonLine, RefusesWhatIsNoObject) {
  expect_error(parse_json_line("[1,2]"), Code::kCorrupt, "the line is an array, not an object");
  expect_error(parse_json_line("\"text\""), Code::kCorrupt, "a string, not an object");
  expect_error(parse_json_line("12"), Code::kCorrupt, "a number, not an object");
  expect_error(parse_json_line("null"), Code::kCorrupt, "null, not an object");
}

TEST(JsonLine, RefusesBrokenJsonWithItsPlace) {
  expect_error(parse_json_line(R"({"t": "x")"), Code::kCorrupt, "not valid JSON at byte 9");
  expect_error(parse_json_line(R"({"t": "x"} more)"), Code::kCorrupt, "not valid JSON at byte 11");
  expect_error(parse_json_line("plain words"), Code::kCorrupt, "not valid JSON at byte 0");
  expect_error(parse_json_line(""), Code::kCorrupt, "not valid JSON at byte 0");
  expect_error(parse_json_line(R"({"t":"\ud800"})"), Code::kCorrupt, "not valid JSON");
  expect_error(parse_json_line(R"({"n":1e999})"), Code::kCorrupt, "not valid JSON");
  expect_error(parse_json_line(std::string("{\"t\":\"a\0b\"}", 11)), Code::kCorrupt,
               "not valid JSON at byte 7");
}

// The message says what stands there, and the hint the way out.
void expect_trouble(std::string_view line, std::string_view what, std::string_view hint) {
  const auto members = parse_json_line(line);
  expect_error(members, Code::kCorrupt, std::string(what));
  EXPECT_THAT(members.error().hint, ::testing::HasSubstr(std::string(hint))) << line;
}

TEST(JsonLine, SaysWhatStandsThereInstead) {
  expect_trouble(R"({"text":"a","score":NaN})", "`NaN` is no number", "allow_nan=False");
  expect_trouble(R"({"score":-Infinity})", "`Infinity` is no number", "allow_nan=False");
  expect_trouble(R"({"text":"cut \ud83d here"})", R"(`\ud83d` is one half of a character)",
                 "'replace'");
  expect_trouble(R"({"text":"cut \ude00"})", R"(`\ude00` is one half)", "'replace'");
  expect_trouble("Once upon a time", "it looks like plain text", "named .txt or .md");
  expect_trouble("{'text': 'a'}", "single quotes", "json.dumps");
  expect_trouble("{", "the line ends within the object", "jq -c .");
  expect_trouble(R"({"text": "a)", "the line ends within the object", "jq -c .");
  expect_trouble(std::string("{\"text\"\0\0", 9), "a zero byte stands there", "fetch the file");
  expect_trouble("[1]", "the line is an array", "messages");
}

TEST(JsonLine, BlamesOnlyWhatIsWrong) {
  const auto after_pair = parse_json_line(R"({"t":"\ud83d\ude00"x)");
  expect_error(after_pair, Code::kCorrupt, "not valid JSON");
  EXPECT_THAT(after_pair.error().message, ::testing::Not(::testing::HasSubstr("half")));
}

TEST(JsonLine, RefusesOtherEncodings) {
  expect_error(parse_json_line("{\"t\":\"caf\xe9\"}"), Code::kCorrupt, "not UTF-8 at byte 9");
}

TEST(JsonLine, EveryTruncationIsAnError) {
  const std::string line = R"({"t":"a\u00e9","w":1.5e3,"o":{"k":[true,null]}})";
  for (std::size_t n = 0; n < line.size(); ++n)
    EXPECT_FALSE(parse_json_line(line.substr(0, n)).has_value()) << n;
  EXPECT_TRUE(parse_json_line(line).has_value());
}

TEST(JsonLine, RefusesWhatNestsTooDeep) {
  const std::size_t n = 100'000;
  const auto line = R"({"text": "x", "meta": )" + std::string(n, '[') + std::string(n, ']') + "}";
  expect_error(parse_json_line(line), Code::kCorrupt, "more than 256 levels of brackets");
}

}  // namespace
}  // namespace coe
