#include "coe/ask/endpoint/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <array>
#include <string>

namespace coe {
namespace {

using Json = nlohmann::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::array kMessages = {ChatMessage{"system", "Be brief."}, ChatMessage{"user", "2+2 \xff?"}};

AnswerRequest request() {
  AnswerRequest out;
  out.messages = kMessages;
  out.max_new_tokens = 99;
  out.sampling = {.temperature = 0.6F, .top_k = 64, .top_p = 0.95F, .seed = 7};
  return out;
}

TEST(ChatRequest, IsOpenAis) {
  auto asked = request();
  const RequestOptions options{.api = Api::kOpenAi, .model = "m", .refused = {}};
  auto body = Json::parse(chat_request(options, asked));
  EXPECT_EQ(body, Json::parse(R"({"model":"m","messages":[{"role":"system","content":"Be brief."},
    {"role":"user","content":"2+2 �?"}],"stream":true,"stream_options":{"include_usage":true},
    "max_tokens":99,"temperature":0.6,"top_p":0.95,"top_k":64,"min_p":0,"seed":7,
    "chat_template_kwargs":{"enable_thinking":false}})"));
  asked.thinking = true;
  asked.sampling.repeat_penalty = 1.05F;
  asked.sampling.seed = 0xffffffffU + 5ULL;  // as the engine reduces it
  body = Json::parse(chat_request(options, asked));
  EXPECT_EQ(body["chat_template_kwargs"], Json({{"enable_thinking", true}}));
  EXPECT_EQ(body["repeat_penalty"], 1.05);
  EXPECT_EQ(body["repetition_penalty"], 1.05);
  EXPECT_EQ(body["repeat_last_n"], 1024);
  EXPECT_EQ(body["seed"], 5);
}

TEST(ChatRequest, IsOllamas) {
  const auto asked = request();
  RequestOptions options{.api = Api::kOllama, .model = "m", .refused = {}};
  auto body = Json::parse(chat_request(options, asked));
  EXPECT_EQ(body["think"], false);
  EXPECT_EQ(body["options"], Json::parse(R"({"num_predict":99,"temperature":0.6,"top_p":0.95,
    "top_k":64,"min_p":0,"seed":7,"repeat_penalty":1.0,"repeat_last_n":1024})"));
  options.n_ctx = 8192;
  EXPECT_EQ(Json::parse(chat_request(options, asked))["options"]["num_ctx"], 8192);
}

TEST(ChatRequest, LeavesRefusedFieldsOut) {
  RequestOptions options{.api = Api::kOpenAi, .model = "m", .refused = {"top_k", "seed"}};
  const auto body = Json::parse(chat_request(options, request()));
  EXPECT_FALSE(body.contains("top_k"));
  EXPECT_FALSE(body.contains("seed"));
  EXPECT_TRUE(body.contains("min_p"));
}

TEST(ChatRequest, GivesMaxTokensItsOtherName) {
  RequestOptions options{
      .api = Api::kOpenAi, .model = "m", .refused = {"max_tokens", "temperature"}};
  const auto body = Json::parse(chat_request(options, request()));
  EXPECT_FALSE(body.contains("max_tokens"));
  EXPECT_FALSE(body.contains("temperature"));
  EXPECT_EQ(body["max_completion_tokens"], 99);
}

TEST(RefusedFields, TellsTheFieldFromItsValue) {
  RequestOptions openai{.api = Api::kOpenAi, .model = "m", .refused = {}};
  for (const char* message :
       {"Unsupported parameter: 'max_tokens' is not supported with this model. Use "
        "'max_completion_tokens' instead.",
        "Unrecognized request argument supplied: max_tokens",
        R"([{"loc":["body","max_tokens"],"msg":"Extra inputs are not permitted"}])"})
    EXPECT_THAT(refused_fields(openai, message), ElementsAre("max_tokens")) << message;
  EXPECT_THAT(refused_fields(openai, "max_tokens is too large: 16384"), IsEmpty());
  EXPECT_THAT(refused_fields(openai, "max_completion_tokens is too large"), IsEmpty());
  EXPECT_THAT(refused_fields(openai, "'temperature' does not support 0.6 with this model"),
              ElementsAre("temperature"));
  openai.refused = {"max_tokens"};
  EXPECT_THAT(refused_fields(openai, "max_tokens is not supported"), IsEmpty());
}

TEST(RefusedFields, AreThoseThatTheServerNames) {
  RequestOptions openai{.api = Api::kOpenAi, .model = "m", .refused = {}};
  EXPECT_THAT(refused_fields(openai, "Unrecognized request argument supplied: top_k"),
              ElementsAre("top_k"));
  EXPECT_THAT(refused_fields(openai, R"([{"loc":["body","min_p"]},{"loc":["body","seed"]}])"),
              ElementsAre("min_p", "seed"));
  EXPECT_THAT(refused_fields(openai, "enable_thinking is not known"),
              ElementsAre("chat_template_kwargs"));
  EXPECT_THAT(refused_fields(openai, "the request exceeds the context; top_kind, my_seed"),
              IsEmpty());
  openai.refused = {"top_k"};
  EXPECT_THAT(refused_fields(openai, "top_k"), IsEmpty());
  const RequestOptions ollama{.api = Api::kOllama, .model = "m", .refused = {}};
  EXPECT_THAT(refused_fields(ollama, "\"llama3\" does not support thinking"), ElementsAre("think"));
}

}  // namespace
}  // namespace coe
