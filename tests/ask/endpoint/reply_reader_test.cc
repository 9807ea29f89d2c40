#include "coe/ask/endpoint/reply_reader.h"

#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::expect_ok;
using coe::testing::value_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Reply {
  std::string thinking;
  std::string content;
  ReplySummary summary;
  Status status;
};

Reply read(Api api, std::string_view body, std::size_t cut = std::string_view::npos) {
  Reply out;
  ReplyReader reader(api, [&](const ReplyDelta& delta) {
    out.thinking += delta.thinking;
    out.content += delta.content;
    return Status();
  });
  cut = std::min(cut, body.size());
  out.status = reader.feed(body.substr(0, cut));
  if (out.status) out.status = reader.feed(body.substr(cut));
  if (out.status) out.status = reader.finish();
  out.summary = reader.summary();
  return out;
}

// As llama-server v0.5.0 sends it.
constexpr std::string_view kStream =
    R"(data: {"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1,"id":"x","model":"m","object":"chat.completion.chunk"}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"reasoning_content":"7x = "}}]}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"reasoning_content":"49, ü"}}]}

data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":"x = 7 €"}}]}

data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}]}

data: {"choices":[],"usage":{"completion_tokens":26,"prompt_tokens":31,"total_tokens":57},"timings":{"cache_n":3,"prompt_n":28,"predicted_n":26}}

data: [DONE]

)";

TEST(ReplyReader, ReadsAStreamHoweverItIsCut) {
  for (std::size_t cut = 0; cut <= kStream.size(); ++cut) {
    const auto reply = read(Api::kOpenAi, kStream, cut);
    ASSERT_TRUE(reply.status) << cut << ": " << reply.status.error().message;
    ASSERT_EQ(reply.thinking, "7x = 49, ü");
    ASSERT_EQ(reply.content, "x = 7 €");
    ASSERT_TRUE(reply.summary.splits_thinking);
    ASSERT_FALSE(reply.summary.cut);
    ASSERT_EQ(reply.summary.n_piece, 3U);
    ASSERT_EQ(reply.summary.n_token, 26U);
    ASSERT_EQ(reply.summary.n_token_prompt, 31U);
  }
}

// Every shorter stream is one that broke off, but for those that lack the counts only.
TEST(ReplyReader, NoticesAStreamThatBreaksOff) {
  const auto said_stop = kStream.find("data: {\"choices\":[],");
  for (std::size_t n = 0; n < said_stop - 2; ++n) {
    const auto reply = read(Api::kOpenAi, kStream.substr(0, n));
    expect_error(reply.status, Code::kEngine, "the server's reply: ");
  }
  expect_ok(read(Api::kOpenAi, kStream.substr(0, said_stop)).status);
}

TEST(ReplyReader, ReadsAnAnswerThatIsNotStreamed) {
  const auto reply = read(Api::kOpenAi, R"({"choices":[{"index":0,"finish_reason":"length",
    "message":{"role":"assistant","content":"x","reasoning":"hm","reasoning_details":[1]}}],
    "timings":{"prompt_n":4,"cache_n":2,"predicted_n":5}})");
  expect_ok(reply.status);
  EXPECT_EQ(reply.content, "x");
  EXPECT_EQ(reply.thinking, "hm");
  EXPECT_TRUE(reply.summary.cut);
  EXPECT_EQ(reply.summary.n_token_prompt, 6U);
  EXPECT_EQ(reply.summary.n_token, 5U);
}

TEST(ReplyReader, TakesOneOfTwoNamesOfThinking) {
  const auto reply = read(Api::kOpenAi,
                          R"(data: {"choices":[{"delta":{"reasoning":"a","reasoning_content":"a"}}]}

data: [DONE]
)");
  EXPECT_EQ(reply.thinking, "a");
}

TEST(ReplyReader, ReadsOllamasLines) {
  constexpr std::string_view body =
      R"({"model":"m","created_at":"t","message":{"role":"assistant","content":"","thinking":"hm"},"done":false}
{"model":"m","message":{"role":"assistant","content":"ye"},"done":false}
{"model":"m","message":{"role":"assistant","content":"s"},"done":false}
{"model":"m","message":{"content":""},"done":true,"done_reason":"stop","prompt_eval_count":11,"eval_count":4}
)";
  for (std::size_t cut = 0; cut <= body.size(); ++cut) {
    const auto reply = read(Api::kOllama, body, cut);
    expect_ok(reply.status);
    ASSERT_EQ(reply.thinking, "hm");
    ASSERT_EQ(reply.content, "yes");
    ASSERT_EQ(reply.summary.n_token, 4U);
    ASSERT_EQ(reply.summary.n_token_prompt, 11U);
  }
  expect_error(read(Api::kOllama, body.substr(0, body.rfind("{\"model\""))).status, Code::kEngine,
               "breaks off");
  EXPECT_TRUE(read(Api::kOllama, R"({"done":true,"done_reason":"length"})").summary.cut);
}

TEST(ReplyReader, PassesOnTheServersError) {
  expect_error(read(Api::kOllama, R"({"error":"model runner has stopped"})").status, Code::kEngine,
               "the server says: model runner has stopped");
  expect_error(
      read(Api::kOpenAi, "data: {\"error\":{\"code\":500,\"message\":\"out of\\nmemory\"}}\n\n")
          .status,
      Code::kEngine, "the server says: out of");
  expect_ok(read(Api::kOpenAi, "data: {\"error\":null}\n\ndata: [DONE]\n\n").status);
}

TEST(ReplyReader, RefusesWhatIsNoReply) {
  const auto refuse = [](std::string_view body, const std::string& part) {
    expect_error(read(Api::kOpenAi, body).status, Code::kEngine, part);
  };
  refuse("data: {\"choices\":\n\n", "is not a JSON object");
  refuse("data: [1]\n\n", "`[1]` is not a JSON object");
  refuse("<html>busy</html>", "breaks off before the answer is complete");
  refuse("data: \xff\n\n", "is not a JSON object");
  refuse(R"(data: {"choices":{}})", "`choices` is object, not an array");
  refuse(R"(data: {"choices":[{"delta":7}]})", "a message is number, not an object");
  refuse(R"(data: {"choices":[{"delta":{"content":["x"]}}]})", "`content` is array, not a string");
  refuse(R"(data: {"choices":[{"delta":{"reasoning_content":1}}]})",
         "`reasoning_content` is number");
  expect_error(read(Api::kOllama, R"({"message":[],"done":true})").status, Code::kEngine,
               "a message is array");
  // Odd, but no reason to lose the answer.
  const auto odd =
      read(Api::kOpenAi,
           R"(data: {"choices":[7,null],"usage":{"completion_tokens":-1,"prompt_tokens":"3"}}

data: {"choices":[{"finish_reason":3,"delta":null}],"usage":[]}

data: [DONE]
)");
  expect_ok(odd.status);
  EXPECT_FALSE(odd.summary.n_token);
  EXPECT_FALSE(odd.summary.n_token_prompt);
  // However deep it nests.
  const std::string deep = "{\"a\":" + std::string(200000, '[') + std::string(200000, ']') + "}";
  expect_ok(read(Api::kOpenAi, "data: " + deep + "\n\ndata: [DONE]\n\n").status);
}

TEST(ErrorMessage, IsTheServersOwn) {
  EXPECT_EQ(error_message(R"({"error":{"message":"model `x` not found","type":"t"}})"),
            "model `x` not found");
  EXPECT_EQ(error_message(R"({"error":"model not found"})"), "model not found");
  EXPECT_EQ(error_message(R"({"object":"error","message":"too long"})"), "too long");
  EXPECT_EQ(error_message(R"({"detail":"Not Found"})"), "Not Found");
  EXPECT_THAT(error_message(R"({"detail":[{"loc":["body","top_k"],"msg":"Extra inputs"}]})"),
              HasSubstr("\"top_k\""));
  EXPECT_EQ(error_message("Bad\nGateway"), "Bad\\nGateway");
  EXPECT_EQ(error_message(""), "");
  EXPECT_LT(error_message(std::string(100000, 'x')).size(), 400U);
}

TEST(ModelList, IsThatOfBothProtocols) {
  EXPECT_THAT(value_of(parse_model_list(R"({"data":[{"id":"a"},{"id":"b"}],"models":[]})")),
              ElementsAre("a", "b"));
  EXPECT_THAT(value_of(parse_model_list(R"({"models":[{"name":"q:7b"},{"other":1},3]})")),
              ElementsAre("q:7b"));
  for (const char* body : {"", "[]", "{}", R"({"data":7})"})
    expect_error(parse_model_list(body), Code::kEngine, "no list of models");
}

}  // namespace
}  // namespace coe
