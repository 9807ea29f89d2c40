#include "coe/college/serve/consult.h"

#include "coe/base/json.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coe {
namespace {

using nlohmann::json;
using testing::expect_error;
using testing::value_of;

TEST(Consult, TheQuestionGoesOutWithoutAStream) {
  const auto body = consultation_of(
      R"({"messages":[{"role":"user","content":"q"}],"stream":true,"stream_options":{},"top_p":0.5})");
  ASSERT_TRUE(body.has_value());
  EXPECT_EQ(*body, R"({"messages":[{"role":"user","content":"q"}],"stream":false,"top_p":0.5})");
}

TEST(Consult, NotForPromptsNorTools) {
  EXPECT_FALSE(consultation_of(R"({"prompt":"x"})"));
  EXPECT_FALSE(consultation_of(R"({"messages":[]})"));
  EXPECT_FALSE(consultation_of(R"({"messages":[{}],"tools":[{}]})"));
  EXPECT_FALSE(consultation_of(R"({"messages":[{}],"functions":[{}]})"));
  EXPECT_TRUE(consultation_of(R"({"messages":[{}],"tools":[]})"));
}

TEST(Consult, ReadsAnAnswer) {
  const auto opinion = value_of(read_opinion(
      "web", R"({"choices":[{"message":{"content":"42"}}],"usage":{"total_tokens":9}})"));
  EXPECT_EQ(opinion.who, "web");
  EXPECT_EQ(opinion.answer, "42");
  EXPECT_EQ(opinion.n_token, 9U);
  for (const auto* bad : {"", "[]", "{}", R"({"choices":[]})", R"({"choices":[3]})",
                          R"({"choices":[{}]})", R"({"choices":[{"message":{"content":null}}]})"})
    expect_error(read_opinion("web", bad), Code::kEngine, "web: its answer");
}

TEST(Consult, MergesBothAnswersIntoOneMoreMessage) {
  const std::vector<Opinion> opinions = {{.who = "a", .answer = "one"},
                                         {.who = "b", .answer = "two"}};
  const auto body = json::parse(
      merging_body(R"({"messages":[{"role":"user","content":"q"}],"stream":true})", opinions));
  EXPECT_EQ(body["stream"], true);
  ASSERT_EQ(body["messages"].size(), 2U);
  const auto text = body["messages"][1]["content"].get<std::string>();
  EXPECT_LT(text.find("The answer of `a`:\none"), text.find("The answer of `b`:\ntwo"));
}

}  // namespace
}  // namespace coe
