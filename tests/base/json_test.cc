#include "coe/base/json.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>

namespace coe {
namespace {

using Json = nlohmann::json;

TEST(JsonText, BrokenBytesDoNotStopIt) {
  EXPECT_EQ(json_text(Json("a\xff")), "\"a\xef\xbf\xbd\"");
  EXPECT_EQ(json_line(Json{{"a", 1}}), "{\"a\":1}\n");
  EXPECT_EQ(json_text(Json{{"a", 1}}, 2), "{\n  \"a\": 1\n}");
}

TEST(NestsTooDeep, CountsBracketsOutsideStrings) {
  const auto nested = [](std::size_t n, char open, char close) {
    return std::string(n, open) + std::string(n, close);
  };
  EXPECT_FALSE(nests_too_deep(nested(kMaxJsonDepth, '[', ']')));
  EXPECT_TRUE(nests_too_deep(nested(kMaxJsonDepth + 1, '[', ']')));
  EXPECT_TRUE(nests_too_deep(std::string(kMaxJsonDepth + 1, '{')));
  EXPECT_FALSE(nests_too_deep("[\"" + std::string(1000, '[') + "\"]"));
  EXPECT_FALSE(nests_too_deep("[\"\\\"" + std::string(1000, '[') + "\"]"));
  EXPECT_TRUE(nests_too_deep("[\"\\\\\"" + std::string(1000, '[') + "]"));
  std::string wide = "[";
  for (int i = 0; i < 1000; ++i) wide += "[],{},";
  EXPECT_FALSE(nests_too_deep(wide + "1]"));
  EXPECT_FALSE(nests_too_deep("]]" + nested(3, '[', ']')));
}

// The library's own functions that walk a value call themselves, level by level.
TEST(ParseJson, RefusesWhatNestsTooDeep) {
  const std::size_t n = 4'000'000;
  const std::string deep = R"({"error":)" + std::string(n, '[') + std::string(n, ']') + "}";
  EXPECT_TRUE(parse_json<Json>(deep).is_discarded());
  EXPECT_TRUE(parse_json<nlohmann::ordered_json>(deep).is_discarded());
  EXPECT_THROW(parse_json_or_throw<Json>(deep), Json::exception);
  EXPECT_THROW(parse_json_or_throw<Json>("{"), Json::exception);
  const std::string fits = std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']');
  EXPECT_EQ(json_text(parse_json<Json>(fits)), fits);
  EXPECT_EQ(json_text(parse_json_or_throw<Json>(fits)), fits);
}

TEST(UnsignedAt, OnlyWholeNumbers) {
  const auto json = Json::parse(
      R"({"n":3,"most":18446744073709551615,"minus":-1,"real":3.0,"huge":1e300,"text":"3"})");
  EXPECT_EQ(unsigned_at(json, "n"), 3U);
  EXPECT_EQ(unsigned_at(json, "most"), UINT64_MAX);
  for (const auto* key : {"minus", "real", "huge", "text", "missing"})
    EXPECT_FALSE(unsigned_at(json, key)) << key;
  EXPECT_FALSE(unsigned_at(Json(3), "n"));
  EXPECT_FALSE(unsigned_at(Json::array({3}), "n"));
}

}  // namespace
}  // namespace coe
