#include "coe/college/choose/chooser.h"

#include "support/expect.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::value_of;

// Knows a few turns by heart.
class ScriptedChooser : public Chooser {
 public:
  const std::vector<std::string>& names() const override { return names_; }
  std::string_view kind() const override { return "text"; }
  Result<Choice> choose(std::string_view text) override {
    static const std::map<std::string_view, Choice> choices = {
        {"sum", {0, {0.95, 0.03, 0.02}}},
        {"page", {1, {0.04, 0.9, 0.06}}},
        {"hm", {std::nullopt, {0.4, 0.35, 0.25}}},
        {"perhaps page", {1, {0.3, 0.65, 0.05}}},
        {"just page", {1, {0.125, 0.75, 0.125}}}};
    if (text == "broken") return fail(Code::kEngine, "told to fail");
    return choices.at(text);
  }

 private:
  std::vector<std::string> names_ = {"math", "web", "zoo"};
};

ConversationChoice ask(const std::vector<std::string>& turns) {
  ScriptedChooser chooser;
  return value_of(choose_in_conversation(chooser, turns));
}

TEST(Conversation, BeginsWithItsFirstTurn) {
  const auto found = ask({"sum"});
  EXPECT_EQ(found.choice.chosen, 0U);
  EXPECT_FALSE(found.stayed);
  EXPECT_EQ(found.choice.scores[0], 0.95);
}

TEST(Conversation, StaysWhereATurnSaysLittle) {
  for (const auto* turn : {"hm", "perhaps page", "sum"}) {
    const auto found = ask({"sum", turn});
    EXPECT_EQ(found.choice.chosen, 0U) << turn;
    EXPECT_TRUE(found.stayed) << turn;
  }
  // The scores are the turn's own.
  EXPECT_EQ(ask({"sum", "hm"}).choice.scores[0], 0.4);
}

TEST(Conversation, ChangesWhereATurnIsClear) {
  const auto found = ask({"sum", "page"});
  EXPECT_EQ(found.choice.chosen, 1U);
  EXPECT_FALSE(found.stayed);
  EXPECT_TRUE(ask({"sum", "page", "hm"}).stayed);
  EXPECT_EQ(ask({"sum", "page", "hm"}).choice.chosen, 1U);
  // More than the margin, if not by much.
  EXPECT_EQ(ask({"sum", "just page"}).choice.chosen, 1U);
}

TEST(Conversation, IsNobodysUntilATurnIsSure) {
  EXPECT_FALSE(ask({"hm"}).choice.chosen);
  EXPECT_FALSE(ask({"hm", "hm"}).stayed);
  const auto found = ask({"hm", "perhaps page"});
  EXPECT_EQ(found.choice.chosen, 1U);
  EXPECT_FALSE(found.stayed);
}

TEST(Conversation, PassesErrorsOn) {
  ScriptedChooser chooser;
  expect_error(choose_in_conversation(chooser, {}), Code::kInvalidArgument, "without a turn");
  const std::vector<std::string> turns = {"sum", "broken"};
  expect_error(choose_in_conversation(chooser, turns), Code::kEngine, "told to fail");
}

}  // namespace
}  // namespace coe
