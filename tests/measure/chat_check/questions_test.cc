#include "coe/measure/chat_check/questions.h"

#include "coe/engine/fake_engine.h"

#include "support/expect.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::value_of;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

Corpus corpus_of(const std::vector<std::string>& texts) {
  Corpus corpus;
  corpus.domains.push_back({"a", 1.0, {}});
  for (const auto& text : texts) corpus.domains[0].records.push_back({text, "t.jsonl:1"});
  return corpus;
}

// "chat: …" or "text: …".
std::vector<std::string> asked(Engine& engine, const std::vector<std::string>& texts,
                               std::size_t n = 8) {
  std::vector<std::string> out;
  for (const auto& question : value_of(chat_questions(engine, corpus_of(texts), n)))
    out.push_back((question.from_chat ? "chat: " : "text: ") + question.text);
  return out;
}

// As Gemma 4's template has it.
class Gemma : public FakeEngine {
 public:
  explicit Gemma(bool has_other_turns) : FakeEngine({}), has_other_turns_(has_other_turns) {}
  Result<ChatMarkup> chat_markup() override {
    ChatMarkup markup;
    markup.model_turns = {"<|turn>model", "<|turn>model\n"};
    if (has_other_turns_) markup.other_turns = {"<|turn>user"};
    return markup;
  }
  Result<std::string> render_chat(std::span<const ChatMessage> messages,
                                  bool /*thinking*/) override {
    std::string text = "<bos><|turn>system\nBe brief.<turn|>\n";
    for (const auto& message : messages)
      text += "<|turn>" + message.role + "\n" + message.content + "<turn|>\n";
    return text + "<|turn>model\n<|channel>thought\n<channel|>";
  }

 private:
  bool has_other_turns_;
};

TEST(ChatQuestions, TakeTheFirstUsersWords) {
  const std::string chat =
      "<|turn>system\n<|think|>\n<turn|>\n<|turn>user\n  Why so?\nTell me. <turn|>\n"
      "<|turn>model\nSo.<turn|>\n<|turn>user\nAnd?<turn|>\n<|turn>model\nNo.<turn|>\n";
  for (const bool has_other_turns : {true, false}) {
    Gemma gemma(has_other_turns);
    EXPECT_THAT(asked(gemma, {chat}), ElementsAre("chat: Why so?\nTell me."));
  }
  FakeEngine fake{FakeEngineOptions()};
  EXPECT_THAT(asked(fake, {"<user>Why?<model>So.\3"}), ElementsAre("chat: Why?"));
}

TEST(ChatQuestions, AreMadeOfTextWhereThereAreTooFew) {
  FakeEngine fake{FakeEngineOptions()};
  EXPECT_THAT(asked(fake, {"<user>Why?<model>So.", "const a = 1;\n"}),
              ElementsAre("chat: Why?", "text: Continue this:\n\nconst a = 1;"));
  EXPECT_THAT(asked(fake, {"<user>Why?<model>So.", "text"}, 1), ElementsAre("chat: Why?"));
  // Cut at a word's end, by characters.
  std::string words;
  for (int i = 0; i < 60; ++i) words += "äöü ";
  const auto cut = asked(fake, {words});
  ASSERT_EQ(cut.size(), 1U);
  EXPECT_EQ(cut[0].size(), std::string("text: Continue this:\n\n").size() + 40 * 7 - 1);
  EXPECT_TRUE(cut[0].ends_with("äöü"));
  // One word that is longer than that.
  const auto word = asked(fake, {std::string(1000, 'x')});
  EXPECT_EQ(word.at(0).size(), std::string("text: Continue this:\n\n").size() + 160);
}

TEST(ChatQuestions, AreSpreadEvenlyAndDiffer) {
  FakeEngine fake{FakeEngineOptions()};
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) {
    texts.push_back(fmt::format("<user>Q{}<model>A", i / 2));  // each twice
    texts.push_back("the same text");
  }
  EXPECT_THAT(asked(fake, texts, 4), ElementsAre("chat: Q0", "chat: Q5", "chat: Q10", "chat: Q15"));
  EXPECT_EQ(asked(fake, texts, 30).size(), 21U);
}

TEST(ChatQuestions, PassOverLongTurnsAndChatsWithoutAUser) {
  FakeEngine fake{FakeEngineOptions()};
  const auto longest = std::string(kMostQuestionChars, 'x');
  EXPECT_THAT(asked(fake, {"<user>" + longest + "y<model>A", "<user> <model>A", "<model>A"}),
              IsEmpty());
  EXPECT_EQ(asked(fake, {"<user>" + longest + "<model>A"}).size(), 1U);
  EXPECT_THAT(asked(fake, {}), IsEmpty());
}

TEST(ChatQuestions, NeedATemplate) {
  FakeEngine fake{{.has_chat = false}};
  expect_error(chat_questions(fake, corpus_of({"a"}), 8), Code::kUnsupported, "");
}

}  // namespace
}  // namespace coe
