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

// A piece of a stream, and the one that ends the answer.
std::string piece(const std::string& text) {
  return R"(data: {"choices":[{"index":0,"delta":{"content":")" + text +
         "\"},\"finish_reason\":null}]}\n\n";
}
std::string last(const std::string& reason) {
  return R"(data: {"choices":[{"index":0,"delta":{},"finish_reason":")" + reason + "\"}]}\n\n";
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
    ASSERT_FALSE(reply.summary.cut);
    ASSERT_EQ(reply.summary.n_piece, 3U);
    ASSERT_EQ(reply.summary.n_token, 26U);
    ASSERT_EQ(reply.summary.n_token_prompt, 31U);
  }
}

// Every shorter stream is one that broke off, but for those that lack the counts only.
// Servers cut characters between pieces, and write halves of pairs.
TEST(ReplyReader, ReplacesHalvesOfCharactersAndCountsThem) {
  const auto reply = read(Api::kOpenAi, piece("caf\xc3") + piece("\xa9 \\ud83d!") + last("stop"));
  expect_ok(reply.status);
  EXPECT_EQ(reply.content, "caf\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd!");
  EXPECT_EQ(reply.summary.n_replaced, 3U);
  const auto whole = read(Api::kOpenAi, piece("caf\xc3\xa9 \\ud83d\\ude00") + last("stop"));
  EXPECT_EQ(whole.summary.n_replaced, 0U);
  EXPECT_EQ(whole.content, "caf\xc3\xa9 \xf0\x9f\x98\x80");
}

// A server that gives two answers to one question.
TEST(ReplyReader, TakesTheFirstOfSeveralAnswers) {
  const std::string second =
      R"(data: {"choices":[{"index":1,"delta":{"content":"B"},"finish_reason":"error"}]})"
      "\n\n";
  const auto reply = read(Api::kOpenAi, second + piece("A") + second + last("stop"));
  expect_ok(reply.status);
  EXPECT_EQ(reply.content, "A");
  EXPECT_TRUE(reply.summary.ended);
  const auto unfinished = read(Api::kOpenAi, piece("A") + second);
  expect_error(unfinished.status, Code::kEngine, "breaks off");
}

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

TEST(ReplyReader, ReadsListsOfParts) {
  const auto reply = read(Api::kOpenAi,
                          R"({"choices":[{"finish_reason":"stop","message":{"content":[
    {"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"4"}]}}]})");
  expect_ok(reply.status);
  EXPECT_EQ(reply.thinking, "hm");
  EXPECT_EQ(reply.content, "4");
}

TEST(ReplyReader, TakesOneOfTwoNamesOfThinking) {
  const auto reply = read(Api::kOpenAi,
                          R"(data: {"choices":[{"delta":{"reasoning":"a","reasoning_content":"a"},
data: "finish_reason":"stop"}]}

data: [DONE]
)");
  expect_ok(reply.status);
  EXPECT_EQ(reply.thinking, "a");
}

// As OpenRouter streams it: beside `reasoning`, and the last piece with what is encrypted.
TEST(ReplyReader, ReadsDetailsOfThinkingOnce) {
  const std::string both =
      R"(data: {"choices":[{"delta":{"content":"","reasoning":"h","reasoning_details":)"
      R"([{"type":"reasoning.text","text":"h","index":0}]}}]})"
      "\n\n";
  const std::string details = R"(data: {"choices":[{"delta":{"reasoning_details":)"
                              R"([{"type":"reasoning.summary","summary":"m","index":1}]}}]})"
                              "\n\n";
  const std::string sealed = R"(data: {"choices":[{"delta":{"reasoning_details":)"
                             R"([{"type":"reasoning.encrypted","data":"AAA="}]}}]})"
                             "\n\n";
  const auto reply = read(Api::kOpenAi, both + details + sealed + piece("4") + last("stop"));
  expect_ok(reply.status);
  EXPECT_EQ(reply.thinking, "hm");
  EXPECT_EQ(reply.content, "4");
  EXPECT_EQ(reply.summary.unread, "encrypted thinking in `reasoning_details`");
  EXPECT_EQ(read(Api::kOpenAi, both + piece("4") + last("stop")).summary.unread, "");
}

TEST(ReplyReader, TakesARefusalForTheAnswer) {
  const std::string refuses = R"(data: {"choices":[{"delta":{"content":null,"refusal":"I )"
                              "cannot.\"}}]}\n\n";
  const auto streamed = read(Api::kOpenAi, refuses + last("stop"));
  expect_ok(streamed.status);
  EXPECT_EQ(streamed.content, "I cannot.");
  EXPECT_TRUE(streamed.summary.filter.empty());
  const auto whole = read(Api::kOpenAi, R"({"choices":[{"finish_reason":"stop","message":)"
                                        R"({"content":null,"refusal":"I cannot."}}]})");
  expect_ok(whole.status);
  EXPECT_EQ(whole.content, "I cannot.");
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
  for (const char* none : {"null", "\"\"", "{}", "false"})
    expect_ok(read(Api::kOpenAi,
                   std::string(R"({"choices":[{"finish_reason":"stop"}],"error":)") + none + "}")
                  .status);
  // One that concerns the choice alone.
  expect_error(read(Api::kOpenAi, piece("The answer") +
                                      R"(data: {"choices":[{"index":0,"delta":{},
data: "finish_reason":"stop","error":{"code":504,"message":"upstream timed out"}}]}

)")
                   .status,
               Code::kEngine, "the server says: upstream timed out");
  expect_error(
      read(Api::kOpenAi, R"({"choices":[{"delta":{"error":"gone"},"finish_reason":"stop"}]})")
          .status,
      Code::kEngine, "the server says: gone");
}

TEST(ReplyReader, TakesNoOtherEndForSuccess) {
  for (const char* reason : {"error", "abort", "tool_calls", "\\u001b[2J"})
    expect_error(read(Api::kOpenAi, piece("The answer is not") + last(reason)).status,
                 Code::kEngine, "the server's reply: the answer ends by `");
  const std::string done = "data: [DONE]\n\n";
  for (const auto& body :
       {piece("Not (A) but") + done, piece("Not (A) but") + last("") + done, piece("Not (A) but")})
    expect_error(read(Api::kOpenAi, body).status, Code::kEngine, "does not say why it ends");
  expect_error(read(Api::kOllama, R"({"message":{"content":"x"},"done":true})").status,
               Code::kEngine, "does not say why it ends");
  expect_error(read(Api::kOllama, R"({"done":true,"done_reason":"unload"})").status, Code::kEngine,
               "ends by `unload`");
  // Servers that send an empty reason with every piece.
  constexpr std::string_view empty =
      R"({"choices":[{"delta":{"content":"x"},"finish_reason":""}]}
{"choices":[{"delta":{},"finish_reason":"eos"}]})";
  expect_ok(read(Api::kOpenAi, empty).status);
}

TEST(ReplyReader, TellsCutAndFilteredAnswersApart) {
  for (const char* reason : {"length", "model_length", "max_tokens"}) {
    const auto reply = read(Api::kOpenAi, piece("The answer is not") + last(reason));
    expect_ok(reply.status);
    EXPECT_TRUE(reply.summary.cut) << reason;
    EXPECT_EQ(reply.summary.filter, "");
  }
  const auto filtered = read(Api::kOpenAi, piece("The answer is not") + last("content_filter"));
  expect_ok(filtered.status);
  EXPECT_FALSE(filtered.summary.cut);
  EXPECT_EQ(filtered.summary.filter, "content_filter");
  EXPECT_EQ(filtered.content, "The answer is not");
}

// Each chunk has a piece and the message so far; each piece is the text so far; the last chunk is
// the message.
TEST(ReplyReader, TakesTextOnceThatIsSentTwice) {
  const auto beside = [](const std::string& piece, const std::string& whole) {
    return R"(data: {"choices":[{"index":0,"delta":{"content":")" + piece +
           R"("},"message":{"role":"assistant","content":")" + whole + "\"}}]}\n\n";
  };
  const std::string whole_chunk =
      R"(data: {"choices":[{"message":{"content":"The answer is (B)."},"finish_reason":"stop"}]})";
  for (const auto& body :
       {beside("The ", "The ") + beside("answer ", "The answer ") +
            beside("is (B).", "The answer is (B).") + beside("", "The answer is (B).") +
            last("stop"),
        beside("The ", "The ") + beside("answer ", "answer ") + beside("is (B).", "is (B).") +
            last("stop"),
        piece("The ") + piece("The answer ") + piece("The answer is (B).") + last("stop"),
        piece("The ") + piece("answer is (B).") + whole_chunk,
        piece("The ") + piece("answer is (B).") + piece("The answer is (B).") + last("stop")}) {
    const auto reply = read(Api::kOpenAi, body);
    expect_ok(reply.status);
    EXPECT_EQ(reply.content, "The answer is (B).") << body;
  }
  const auto ollama = read(Api::kOllama, R"({"message":{"content":"The "}}
{"message":{"content":"answer is (B)."}}
{"message":{"content":"The answer is (B)."},"done":true,"done_reason":"stop"})");
  EXPECT_EQ(ollama.content, "The answer is (B).");
}

TEST(ReplyReader, PassesOverEventsThatKeepTheConnectionAlive) {
  for (const char* data : {": keepalive", "", ":", "   ", "[DONE]", " [DONE] ", "[done]",
                           "[ DONE ]", "\"[DONE]\"", "null", "ping"}) {
    const std::string event = std::string("data: ") + data + "\n\n";
    const auto reply = read(Api::kOpenAi, "retry: 3000\n\n" + event + piece("The ") + event +
                                              piece("answer") + event + last("stop") + event);
    expect_ok(reply.status);
    EXPECT_EQ(reply.content, "The answer") << data;
  }
  expect_error(read(Api::kOpenAi, "data: busy\n\n" + piece("x") + last("stop")).status,
               Code::kEngine, "`busy` is not a JSON object");
}

TEST(ReplyReader, RefusesAMessageThatContradictsThePieces) {
  expect_error(
      read(Api::kOpenAi,
           piece("The ") + piece("answer is (B).") +
               R"(data: {"choices":[{"message":{"content":"It is (C)."},"finish_reason":"stop"}]})")
          .status,
      Code::kEngine, "its message and the pieces before differ");
}

TEST(ReplyReader, BelievesNoImpossibleCounts) {
  for (const char* count :
       {"18446744073709551615", "1000000001", "-1", "2.5", "\"3\"", "null", "0"}) {
    const auto reply =
        read(Api::kOpenAi, piece("x") + last("stop") +
                               "data: {\"usage\":{\"completion_tokens\":" + count + "}}\n\n");
    expect_ok(reply.status);
    EXPECT_FALSE(reply.summary.n_token) << count;
  }
  constexpr std::string_view body =
      R"({"message":{"content":"x"},"done":true,"done_reason":"stop","eval_count":-3})";
  EXPECT_FALSE(read(Api::kOllama, body).summary.n_token);
}

TEST(ReplyReader, RefusesWhatIsNoReply) {
  const auto refuse = [](std::string_view body, const std::string& part) {
    expect_error(read(Api::kOpenAi, body).status, Code::kEngine, part);
  };
  refuse("data: {\"choices\":\n\n", "is not a JSON object");
  refuse("data: [1]\n\n", "`[1]` is not a JSON object");
  refuse("<html>busy</html>", "the server's reply: an HTML page");
  refuse("\n <!DOCTYPE html>\n<title>data</title>", "the server's reply: an HTML page");
  refuse("data: \xff\n\n", "is not a JSON object");
  refuse(R"(data: {"choices":{}})", "`choices` is object, not an array");
  refuse(R"(data: {"choices":[{"delta":7}]})", "a message is number, not an object");
  refuse(R"(data: {"choices":[{"delta":{"content":[7]}}]})", "a part of `content` is number");
  refuse(R"(data: {"choices":[{"delta":{"reasoning_content":1}}]})",
         "`reasoning_content` is number");
  expect_error(read(Api::kOllama, R"({"message":[],"done":true})").status, Code::kEngine,
               "a message is array");
  refuse(R"(data: {"choices":[{"finish_reason":3}]})", "answer's end is number, not a string");
  // Odd, but no reason to lose the answer.
  const auto odd =
      read(Api::kOpenAi,
           R"(data: {"choices":[7,null],"usage":{"completion_tokens":-1,"prompt_tokens":"3"}}

data: {"choices":[{"finish_reason":"stop","delta":null}],"usage":[]}

data: [DONE]
)");
  expect_ok(odd.status);
  EXPECT_FALSE(odd.summary.n_token);
  EXPECT_FALSE(odd.summary.n_token_prompt);
}

TEST(ReplyReader, RefusesWhatNestsTooDeep) {
  const std::size_t n = 4'000'000;
  const std::string deep = std::string(n, '[') + std::string(n, ']') + "}";
  for (const char* member : {"error", "choices", "a"}) {
    const std::string document = std::string("{\"") + member + "\":" + deep;
    expect_error(read(Api::kOpenAi, "data: " + document + "\n\n" + last("stop")).status,
                 Code::kEngine, "more than 256 levels of brackets");
    expect_error(read(Api::kOllama, document).status, Code::kEngine, "levels of brackets");
    EXPECT_LT(error_message(document).size(), 400U);
    expect_error(parse_model_list(document), Code::kEngine, "no list of models");
  }
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
  EXPECT_EQ(error_message("<!doctype HTML><body>Bad Gateway"), "an HTML page");
  EXPECT_EQ(error_message(""), "");
  EXPECT_LT(error_message(std::string(100000, 'x')).size(), 400U);
}

TEST(Ollama, IsToldFromThoseThatSpeakItInPart) {
  EXPECT_TRUE(is_ollama_version(R"({"version":"0.13.0"})"));
  for (const char* body :
       {"", "{}", R"({"version":3})", "<html>\"version\"</html>", R"(["version"])"})
    EXPECT_FALSE(is_ollama_version(body)) << body;
  EXPECT_TRUE(is_ollama_list(R"({"models":[]})"));
  for (const char* body : {"", "{}", R"({"models":[],"data":[]})", R"({"detail":"Not Found"})"})
    EXPECT_FALSE(is_ollama_list(body)) << body;
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
