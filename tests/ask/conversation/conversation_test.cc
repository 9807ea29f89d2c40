#include "coe/ask/conversation/conversation.h"

#include "coe/ask/answer/engine_answerer.h"
#include "coe/engine/fake_engine.h"

#include "support/expect.h"
#include "support/scripted_answerer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::ScriptedAnswerer;
using coe::testing::value_of;
using ::testing::ElementsAre;

std::vector<std::string> said(const Conversation& conversation) {
  std::vector<std::string> out;
  for (const auto& message : conversation.messages())
    out.push_back(message.role + ": " + message.content);
  return out;
}

// One token a byte of content.
Result<std::size_t> count(std::span<const ChatMessage> messages, bool /*thinking*/) {
  return std::accumulate(
      messages.begin(), messages.end(), std::size_t{0},
      [](std::size_t n, const auto& message) { return n + message.content.size(); });
}

ChatAnswer echo(const std::string& question) {
  ChatAnswer out;
  out.thinking = "hm";
  out.content = "re " + question;
  return out;
}

TEST(Conversation, RemembersWhatWasSaidButNoThinking) {
  ScriptedAnswerer answerer([](const std::string& question) { return echo(question); });
  Conversation conversation(answerer, count, 1000);
  conversation.set_system("be brief");
  EXPECT_EQ(value_of(conversation.ask("a", {}, silent_observer())).answer.content, "re a");
  value_of(conversation.ask("b", {}, silent_observer()));
  EXPECT_THAT(said(conversation), ElementsAre("system: be brief", "user: a", "assistant: re a",
                                              "user: b", "assistant: re b"));
  EXPECT_EQ(answerer.system_of("b"), "be brief");
  conversation.forget();
  conversation.set_system("");
  value_of(conversation.ask("c", {}, silent_observer()));
  EXPECT_THAT(said(conversation), ElementsAre("user: c", "assistant: re c"));
}

TEST(Conversation, ForgetsTheOldestWhenTheContextIsFull) {
  ScriptedAnswerer answerer([](const std::string& question) { return echo(question); });
  Conversation conversation(answerer, count, 40);  // of which 10 are for the answer
  AnswerRequest request;
  EXPECT_EQ(value_of(conversation.ask("aaaaa", request, silent_observer())).n_dropped, 0U);  // 13
  EXPECT_EQ(value_of(conversation.ask("bbbbb", request, silent_observer())).n_dropped, 0U);  // 26
  // 26 and 5 leave 9.
  EXPECT_EQ(value_of(conversation.ask("ccccc", request, silent_observer())).n_dropped, 1U);
  EXPECT_THAT(said(conversation), ElementsAre("user: bbbbb", "assistant: re bbbbb", "user: ccccc",
                                              "assistant: re ccccc"));
  // Two go at once, and a question that needs all stays alone.
  EXPECT_EQ(value_of(conversation.ask(std::string(39, 'd'), request, silent_observer())).n_dropped,
            2U);
  // A short answer needs no more room than it has.
  conversation.forget();
  value_of(conversation.ask("aaaaa", request, silent_observer()));
  request.max_new_tokens = 2;
  EXPECT_EQ(value_of(conversation.ask(std::string(25, 'e'), request, silent_observer())).n_dropped,
            0U);
}

TEST(Conversation, TakesBackAQuestionThatFailed) {
  ScriptedAnswerer answerer([](const std::string& question) -> Result<ChatAnswer> {
    if (question == "bad") return fail(Code::kEngine, "no");
    return echo(question);
  });
  Conversation conversation(answerer, count, 12);
  value_of(conversation.ask("a", {}, silent_observer()));
  expect_error(conversation.ask("bad", {}, silent_observer()), Code::kEngine, "no");
  EXPECT_THAT(said(conversation), ElementsAre("user: a", "assistant: re a"));  // nothing forgotten
}

TEST(Conversation, CountsAsTheModelDoes) {
  FakeEngine engine({.n_ctx = 128});
  const std::vector<ChatMessage> messages = {{"user", "2+2?"}};
  EXPECT_EQ(value_of(counter_of(engine)(messages, true)), std::string("<user>2+2?<model>").size());
}

}  // namespace
}  // namespace coe
