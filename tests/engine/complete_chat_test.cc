#include "coe/engine/complete_chat.h"

#include "coe/base/result.h"
#include "coe/engine/chat.h"
#include "coe/engine/fake_engine.h"

#include "support/expect.h"

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::value_of;

// A template in a few words, as families write theirs.
struct TemplateWords {
  std::string system_open, user_open, model_open, turn_end;
  std::string thinking_start, thinking_end;
  std::string closed_block;      // what thinking off ends the prompt with
  std::string open_block;        // what thinking on ends it with
  bool knows_user_turns = true;  // the engine can tell
};

class TemplateEngine : public FakeEngine {
 public:
  explicit TemplateEngine(TemplateWords words) : FakeEngine({}), words_(std::move(words)) {}
  Result<ChatMarkup> chat_markup() override {
    ChatMarkup markup;
    markup.model_turns = {words_.model_open};
    if (words_.knows_user_turns) markup.other_turns = {words_.system_open, words_.user_open};
    markup.thinking_start = words_.thinking_start;
    if (!words_.thinking_end.empty()) markup.thinking_ends = {words_.thinking_end};
    return markup;
  }
  Result<std::string> render_chat(std::span<const ChatMessage> messages, bool thinking) override {
    std::string out;
    for (const auto& message : messages) {
      out += message.role == "assistant" ? words_.model_open
             : message.role == "system"  ? words_.system_open
                                         : words_.user_open;
      for (const auto& call : message.tool_calls)
        out += message.call_thinking + "[" + call.name + call.arguments + "]";
      out += message.content + words_.turn_end;
    }
    return out + words_.model_open + (thinking ? words_.open_block : words_.closed_block);
  }

 private:
  TemplateWords words_;
};

TemplateWords gemma() {
  return {"<|turn>system\n",
          "<|turn>user\n",
          "<|turn>model\n",
          "<turn|>\n",
          "<|channel>thought",
          "<channel|>",
          "<|channel>thought\n<channel|>",
          ""};
}
TemplateWords chatml() {
  return {"<|im_start|>system\n",
          "<|im_start|>user\n",
          "<|im_start|>assistant\n",
          "<|im_end|>\n",
          "<think>",
          "</think>",
          "<think>\n\n</think>\n\n",
          ""};
}

const std::vector<ChatMessage>& chat() {
  static const std::vector<ChatMessage> messages = {{"user", "Why?"}, {"assistant", "So."}};
  return messages;
}

std::string completed(Engine& engine, std::span<const ChatMessage> messages,
                      std::string_view thinking) {
  return value_of(value_of(ChatCompleter::create(engine)).render(messages, thinking));
}

TEST(ChatCompleter, ClosesTheModelsTurnAsTheTemplateDoes) {
  TemplateEngine engine(gemma());
  EXPECT_EQ(completed(engine, chat(), ""),
            "<|turn>user\nWhy?<turn|>\n<|turn>model\n<|channel>thought\n<channel|>So.<turn|>\n");
  EXPECT_EQ(
      completed(engine, chat(), "hm"),
      "<|turn>user\nWhy?<turn|>\n<|turn>model\n<|channel>thought\nhm\n<channel|>So.<turn|>\n");
  const std::vector<ChatMessage> question = {{"user", "Why?"}};
  EXPECT_EQ(completed(engine, question, ""), "<|turn>user\nWhy?<turn|>\n<|turn>model\n");
}

TEST(ChatCompleter, SetsThinkingAsTheClosedBlockShows) {
  TemplateEngine engine(chatml());
  EXPECT_EQ(completed(engine, chat(), "hm"),
            "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n<think>\nhm\n</think>\n\nSo."
            "<|im_end|>\n");
  EXPECT_EQ(completed(engine, chat(), ""),
            "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\nSo."
            "<|im_end|>\n");
}

// Templates that open the block themselves and have no switch.
TEST(ChatCompleter, DoesNotOpenABlockTwice) {
  auto words = chatml();
  words.closed_block = words.open_block = "<think>\n";
  TemplateEngine engine(words);
  EXPECT_EQ(completed(engine, chat(), "hm"),
            "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n<think>\nhm\n</think>So."
            "<|im_end|>\n");
  EXPECT_EQ(completed(engine, chat(), ""),
            "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>So."
            "<|im_end|>\n");
}

TEST(ChatCompleter, FindsTheTurnsEndWithoutKnowingHowOthersBegin) {
  auto words = gemma();
  words.knows_user_turns = false;
  TemplateEngine engine(words);
  EXPECT_EQ(completed(engine, chat(), ""),
            "<|turn>user\nWhy?<turn|>\n<|turn>model\n<|channel>thought\n<channel|>So.<turn|>\n");
}

// The template writes calls, wherever they stand; at the end no turn begins after them.
TEST(ChatCompleter, LeavesCallsOfToolsToTheTemplate) {
  TemplateEngine engine(chatml());
  const ChatMessage call{
      .role = "assistant", .content = "", .tool_calls = {{"add", "{}"}}, .call_thinking = "hm"};
  const std::vector<ChatMessage> open = {{"user", "1+2?"}, call};
  const std::string expected =
      "<|im_start|>user\n1+2?<|im_end|>\n<|im_start|>assistant\nhm[add{}]<|im_end|>\n";
  EXPECT_EQ(completed(engine, open, "hm"), expected);
  const std::vector<ChatMessage> answered = {
      {"user", "1+2?"}, call, {"tool", "3"}, {"assistant", "3."}};
  EXPECT_EQ(completed(engine, answered, ""),
            expected +
                "<|im_start|>user\n3<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>"
                "\n\n3.<|im_end|>\n");
}

TEST(ChatCompleter, RefusesThinkingWhereThereIsNone) {
  auto words = chatml();
  words.thinking_start = words.thinking_end = words.closed_block = "";
  TemplateEngine engine(words);
  const auto completer = value_of(ChatCompleter::create(engine));
  EXPECT_EQ(value_of(completer.render(chat(), "")),
            "<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\nSo.<|im_end|>\n");
  expect_error(completer.render(chat(), "hm"), Code::kUnsupported, "no place for thinking");
}

TEST(ChatCompleter, NeedsATemplate) {
  FakeEngine bare({.has_chat = false});
  expect_error(ChatCompleter::create(bare), Code::kUnsupported, "chat template");
}

}  // namespace
}  // namespace coe
