#include "coe/measure/webgen/template.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace coe {
namespace {

using Json = nlohmann::json;

TEST(Template, EscapesValues) {
  EXPECT_EQ(filled_template("<p title=\"{{a}}\">{{b}}</p>", {{"a", "\"<&>"}, {"b", 7}}),
            "<p title=\"&quot;&lt;&amp;&gt;\">7</p>");
  EXPECT_EQ(filled_template("no names", Json::object()), "no names");
  EXPECT_EQ(filled_template("", Json::object()), "");
}

TEST(Template, ValuesAreNotTemplates) {
  EXPECT_EQ(filled_template("{{a}}", {{"a", "{{b}}"}, {"b", 1}}), "{{b}}");
}

TEST(Template, SectionsRepeat) {
  const Json data = {{"items", {{{"n", 1}}, {{"n", 2}, {"more", {"x", "y"}}}}}, {"more", nullptr}};
  EXPECT_EQ(filled_template("[{{#items}}({{n}}{{#more}}{{.}}{{/more}}){{/items}}]", data),
            "[(1)(2xy)]");
}

TEST(Template, SectionsOfOneAndOfNone) {
  const Json data = {
      {"one", {{"a", 1}}}, {"text", "<"}, {"none", nullptr}, {"empty", Json::array()}};
  EXPECT_EQ(filled_template("{{#one}}{{a}}{{/one}}{{#text}}{{.}}{{/text}}", data), "1&lt;");
  EXPECT_EQ(
      filled_template("a{{#none}}{{#inner}}{{x}}{{/inner}}{{/none}}b{{#empty}}c{{/empty}}", data),
      "ab");
}

TEST(TemplateDeathTest, NamesMustBeThere) {
  EXPECT_DEATH(filled_template("{{a}}", Json::object()), "value");
  EXPECT_DEATH(filled_template("{{#a}}", {{"a", 1}}), "section");
  EXPECT_DEATH(filled_template("{{#a}}{{/b}}", {{"a", 1}}), "section");
}

}  // namespace
}  // namespace coe
