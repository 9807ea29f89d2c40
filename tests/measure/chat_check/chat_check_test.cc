#include "coe/measure/chat_check/chat_check.h"

#include "coe/base/json.h"
#include "coe/engine/fake_engine.h"
#include "coe/measure/chat_check/chat_check_json.h"

#include "support/expect.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::value_of;
using ::testing::HasSubstr;

// Answers with one reply after the other.
class Scripted : public Engine {
 public:
  explicit Scripted(std::vector<std::string> replies, std::uint32_t n_ctx = 512)
      : replies_(std::move(replies)), options_{.n_ctx = n_ctx}, fake_(options_) {}
  const EngineInfo& info() const override { return fake_.info(); }
  Result<std::vector<std::int32_t>> tokenize(std::string_view text) override {
    return fake_.tokenize(text);
  }
  Status decode(const DecodeRequest& request) override { return fake_.decode(request); }
  Result<ChatMarkup> chat_markup() override { return fake_.chat_markup(); }
  Result<std::string> render_chat(std::span<const ChatMessage> messages, bool thinking) override {
    thinking_ = thinking_ || thinking;
    return fake_.render_chat(messages, thinking);
  }
  Result<std::vector<TokenText>> spell(std::span<const std::int32_t> tokens) override {
    return fake_.spell(tokens);
  }
  Result<Generation> generate(const GenerateRequest& request) override {
    EXPECT_EQ(request.sampling.temperature, 0.0F);
    n_most_ = request.max_new_tokens;
    auto options = options_;
    options.replies = {replies_.at(n_asked_++ % replies_.size())};
    return FakeEngine(options).generate(request);
  }
  std::size_t n_asked() const { return n_asked_; }
  std::uint32_t n_most() const { return n_most_; }
  bool thinking() const { return thinking_; }

 private:
  std::vector<std::string> replies_;
  FakeEngineOptions options_;
  FakeEngine fake_;
  std::size_t n_asked_ = 0;
  std::uint32_t n_most_ = 0;
  bool thinking_ = false;
};

std::vector<ChatQuestion> questions(int n) {
  std::vector<ChatQuestion> out;
  for (int i = 0; i < n; ++i) out.push_back({fmt::format("Q{}?", i), true});
  return out;
}

ChatCheck ask(Engine& engine, int n, const ChatCheckOptions& options = {}) {
  return value_of(check_chats(engine, questions(n), options, "chat check", silent_observer()));
}

TEST(ChatCheck, AsksEachQuestionGreedilyWithThinkingOff) {
  Scripted engine({"yes"});
  const auto check = ask(engine, 8);
  EXPECT_EQ(engine.n_asked(), 8U);
  EXPECT_EQ(engine.n_most(), 64U);
  EXPECT_FALSE(engine.thinking());
  EXPECT_EQ(check.n_question, 8U);
  ASSERT_EQ(check.answers.size(), 8U);
  EXPECT_EQ(check.answers[3].question.text, "Q3?");
  EXPECT_EQ(check.answers[3].content, "yes");
  EXPECT_TRUE(check.answers[3].ended);
  EXPECT_EQ(check.answers[3].n_token, 3U);
  EXPECT_TRUE(check.passed());
  EXPECT_EQ(check.not_run, "");
  EXPECT_EQ(chat_fault_words(check), "");
  EXPECT_EQ(check.engine, engine.info().engine);
}

TEST(ChatCheck, CountsWhatIsWrongAndForgivesAQuarter) {
  std::string loop;
  for (int i = 0; i < 40; ++i) loop += "no ";
  Scripted two({"yes", "<think>hm</think>yes", "yes", "yes"});
  const auto passed = ask(two, 8);
  EXPECT_EQ(passed.n_bad(), 2U);
  EXPECT_TRUE(passed.passed());
  EXPECT_EQ(chat_fault_words(passed), "2 of 8 answers: 2 think all the same");

  Scripted bad({"yes", loop, "", "<think>" + loop, "<|im_end|>", "yes", "yes", "yes"});
  const auto failed = ask(bad, 8);
  EXPECT_EQ(failed.n_bad(), 4U);
  EXPECT_FALSE(failed.passed());
  EXPECT_EQ(chat_fault_words(failed),
            "4 of 8 answers: 1 thinks all the same, 1 holds markers of the template, 1 is empty, "
            "2 loop");
}

TEST(ChatCheck, SaysWhyNothingWasAsked) {
  FakeEngine no_template{{.has_chat = false}};
  const auto check = ask(no_template, 8);
  EXPECT_THAT(check.not_run, HasSubstr("chat template"));
  EXPECT_FALSE(check.passed());
  Scripted engine({"yes"});
  EXPECT_THAT(ask(engine, 0).not_run, HasSubstr("no held-out text"));
  Scripted small({"yes"}, 8);
  EXPECT_THAT(ask(small, 3).not_run, HasSubstr("a context of 8 tokens"));
  EXPECT_EQ(small.n_asked(), 0U);
}

TEST(ChatCheck, StopsWhenTimeIsUp) {
  Scripted engine({"yes"});
  const auto check = ask(engine, 8, {.max_seconds = 0.0});
  EXPECT_EQ(engine.n_asked(), 1U);
  EXPECT_TRUE(check.answers.empty());
  EXPECT_THAT(check.not_run, HasSubstr("no question was answered in 0 s"));
}

TEST(ChatCheck, PassesOverQuestionsThatFillTheContext) {
  Scripted engine({"yes"}, 64);
  auto some = questions(4);
  some[1].text = std::string(100, 'x');
  const auto check =
      value_of(check_chats(engine, some, ChatCheckOptions(), "chat check", silent_observer()));
  EXPECT_EQ(check.n_question, 4U);
  EXPECT_EQ(check.answers.size(), 3U);
  EXPECT_TRUE(check.passed());
}

class Impatient : public Observer {
 public:
  bool cancelled() override { return true; }
};

TEST(ChatCheck, CanBeStopped) {
  Scripted engine({"yes"});
  Impatient observer;
  expect_error(check_chats(engine, questions(8), ChatCheckOptions(), "chat check", observer),
               Code::kCancelled, "interrupted");
}

TEST(ChatCheckJson, ReadsWhatItWrote) {
  Scripted engine({"yes", "<think>hm</think>", "", "<|im_end|>", "caf\xc3"});
  const auto check = ask(engine, 5);
  const auto json = chat_check_json(check);
  const auto again = read_chat_check(parse_json_or_throw<nlohmann::ordered_json>(json_text(json)));
  EXPECT_EQ(json_text(chat_check_json(again)), json_text(json));
  EXPECT_EQ(again.n_bad(), 3U);
  EXPECT_EQ(json.at("passed"), false);
  EXPECT_TRUE(json.at("not_run").is_null());
  ChatCheck none;
  none.not_run = "no template";
  const auto counts = chat_counts_json(none);
  EXPECT_TRUE(counts.at("passed").is_null());
  EXPECT_EQ(counts.at("not_run"), "no template");
  auto damaged = json;
  damaged.at("answers").at(0).erase("loops");
  EXPECT_THROW(read_chat_check(damaged), nlohmann::ordered_json::exception);
}

}  // namespace
}  // namespace coe
