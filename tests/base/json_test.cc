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
