#include "coe/college/serve/openai.h"

#include "coe/base/json.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace coe {
namespace {

using ::testing::ElementsAre;
using testing::expect_error;
using ::testing::IsEmpty;
using testing::value_of;

TEST(OpenAi, ReadsModelStreamAndWhatTheUserSaid) {
  const auto request = value_of(read_model_request(R"({
    "model": "college", "stream": true,
    "messages": [{"role": "system", "content": "Be short."},
                 {"role": "user", "content": "One"},
                 {"role": "assistant", "content": null, "tool_calls": []},
                 {"role": "tool", "content": "42"},
                 {"role": "user", "content": [{"type": "text", "text": "Two"},
                                              {"type": "image_url", "image_url": {"url": "x"}},
                                              {"type": "text", "text": "Three"}]}]})"));
  EXPECT_EQ(request.model, "college");
  EXPECT_TRUE(request.stream);
  EXPECT_THAT(request.user_turns, ElementsAre("One", "Two\nThree"));
}

TEST(OpenAi, ReadsPrompts) {
  EXPECT_THAT(value_of(read_model_request(R"({"prompt": "def f("})")).user_turns,
              ElementsAre("def f("));
  EXPECT_THAT(value_of(read_model_request(R"({"prompt": ["a", "b"]})")).user_turns,
              ElementsAre("a\nb\n"));
  EXPECT_THAT(value_of(read_model_request(R"({"prompt": [1, 2, 3]})")).user_turns, ElementsAre(""));
  EXPECT_THAT(value_of(read_model_request("{}")).user_turns, IsEmpty());
  EXPECT_EQ(value_of(read_model_request(R"({"model": null})")).model, "");
}

TEST(OpenAi, RefusesWhatTheApiDoesNotKnow) {
  expect_error(read_model_request("{"), Code::kInvalidArgument, "not valid JSON");
  expect_error(read_model_request(""), Code::kInvalidArgument, "not valid JSON");
  expect_error(read_model_request("[1]"), Code::kInvalidArgument, "no JSON object");
  expect_error(read_model_request(R"({"model": 3})"), Code::kInvalidArgument, "`model`");
  expect_error(read_model_request(R"({"messages": {}})"), Code::kInvalidArgument, "`messages`");
  expect_error(read_model_request(R"({"messages": ["x"]})"), Code::kInvalidArgument, "no object");
  expect_error(read_model_request(R"({"messages": [{"content": "x"}]})"), Code::kInvalidArgument,
               "no `role`");
  expect_error(read_model_request(R"({"messages": [{"role": "user", "content": 5}]})"),
               Code::kInvalidArgument, "`content`");
  expect_error(read_model_request(R"({"prompt": 5})"), Code::kInvalidArgument, "`prompt`");
  expect_error(read_model_request(std::string(100'000, '[')), Code::kInvalidArgument, "JSON");
}

TEST(OpenAi, AnotherModelLeavesEverythingElse) {
  EXPECT_EQ(with_model(R"({"a":0.1,"model":"college","z":[1e300,-0.0,true,null,"é"]})", "web"),
            R"({"a":0.1,"model":"web","z":[1e+300,-0.0,true,null,"é"]})");
  EXPECT_EQ(with_model("{}", "web"), R"({"model":"web"})");
}

TEST(OpenAi, ErrorsHaveTheTypesThatClientsKnow) {
  const auto type = [](unsigned status) {
    return nlohmann::json::parse(openai_error(status, "c", "m"))["error"]["type"]
        .get<std::string>();
  };
  EXPECT_EQ(type(400), "invalid_request_error");
  EXPECT_EQ(type(401), "authentication_error");
  EXPECT_EQ(type(403), "permission_error");
  EXPECT_EQ(type(404), "invalid_request_error");
  EXPECT_EQ(type(429), "rate_limit_error");
  EXPECT_EQ(type(503), "server_error");
  EXPECT_EQ(openai_error(404, "model_not_found", "no \"x\""),
            R"({"error":{"message":"no \"x\"","type":"invalid_request_error",)"
            R"("code":"model_not_found","param":null}})");
  EXPECT_EQ(error_event("broken", "gone").substr(0, 6), "data: ");
  EXPECT_TRUE(error_event("broken", "gone").ends_with("\n\n"));
}

}  // namespace
}  // namespace coe
