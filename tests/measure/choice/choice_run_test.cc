#include "coe/measure/choice/choice_run.h"

#include "coe/measure/choice/tally.h"

#include "support/expect.h"
#include "support/scripted_answerer.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::ScriptedAnswerer;
using coe::testing::TempDir;
using coe::testing::value_of;
using ::testing::HasSubstr;

ChatAnswer says(const std::string& content, AnswerEnd end = AnswerEnd::kTurn,
                std::uint64_t n_token = 10) {
  ChatAnswer out;
  out.content = content;
  out.end = end;
  out.n_token = n_token;
  return out;
}

// Of every question, "0?", "1?", …, B is right.
ChoiceSet questions(std::size_t n) {
  ChoiceSet set;
  for (std::size_t i = 0; i < n; ++i)
    set.questions.push_back({{.question = fmt::format("{}?", i),
                              .options = {"w", "x", "y", "z"},
                              .answer = 1,
                              .category = "c"},
                             "q.jsonl"});
  return set;
}

ChoiceTally tally_of(const ChoiceSet& set, const std::vector<ChoiceAnswered>& answers) {
  std::vector<std::size_t> all(answers.size());
  std::iota(all.begin(), all.end(), 0);
  return tally_choices(set, answers, all);
}

JournalEntry entry(const std::string& content, Outcome outcome = Outcome::kDone) {
  return {outcome, says(content), {}};
}

class ChoiceRunTest : public ::testing::Test {
 protected:
  ChoiceRunTest() {
    options_.folder = dir_ / "out";
    options_.identity = "model=scripted";
    options_.instruction = "Pick.";
  }
  TempDir dir_;
  ChoiceRunOptions options_;
};

TEST(ChosenOption, OfABrokenOffAnswerOnlyANamedLetterCounts) {
  const auto question = questions(1).questions[0].choice;
  for (const auto outcome : {Outcome::kCut, Outcome::kLoop}) {
    EXPECT_TRUE(chosen_option(entry("\\boxed{B} and so", outcome), question).right);
    EXPECT_TRUE(chosen_option(entry("it is **B** and so", outcome), question).right);
    EXPECT_FALSE(chosen_option(entry("let us see\nB", outcome), question).found);
    EXPECT_FALSE(chosen_option(entry("so I take B", outcome), question).found);
  }
  EXPECT_TRUE(chosen_option(entry("let us see\nB"), question).right);
  EXPECT_TRUE(chosen_option(entry("so I take B"), question).right);
  const auto wrong = chosen_option(entry("\\boxed{C}"), question);
  EXPECT_TRUE(wrong.found && !wrong.right);
  EXPECT_FALSE(chosen_option(entry("\\boxed{E}"), question).found);  // no such option
  EXPECT_FALSE(chosen_option({Outcome::kFailed, {}, "HTTP 500"}, question).answered());
  EXPECT_FALSE(chosen_option(entry("\\boxed{B}", Outcome::kFiltered), question).answered());
}

TEST(ChosenOption, SaysHowMuchIsNoRepetition) {
  const auto question = questions(1).questions[0].choice;
  auto repeats = entry("a b a b");
  repeats.answer.thinking = "a b";
  EXPECT_DOUBLE_EQ(chosen_option(repeats, question).distinct4.value(), 2.0 / 3.0);
  EXPECT_FALSE(chosen_option(entry("B"), question).distinct4);
  EXPECT_FALSE(chosen_option({Outcome::kFailed, {}, "HTTP 500"}, question).distinct4);
}

TEST(TallyChoices, MeansOfDistinct4LeaveOutWhatHasNone) {
  const auto set = questions(3);
  const auto answers_of = [&](const std::vector<std::string>& texts) {
    std::vector<ChoiceAnswered> out;
    for (std::size_t i = 0; i < texts.size(); ++i)
      out.push_back({chosen_option(entry(texts[i]), set.questions[i].choice), {}});
    return out;
  };
  const auto model = answers_of({"a b a b a b", "one two three four", "B"});
  const auto parent = answers_of({"one two three four", "B", "one two three four"});
  const auto tally = tally_of(set, model);
  EXPECT_EQ(tally.n_distinct4, 2U);
  EXPECT_DOUBLE_EQ(tally.distinct4, (2.0 / 3.0 + 1.0) / 2.0);
  const std::vector<std::size_t> all = {0, 1, 2};
  const auto pair = compare_choices(model, parent, all);
  EXPECT_EQ(pair.n, 3U);
  EXPECT_EQ(pair.n_distinct4, 1U);
  EXPECT_DOUBLE_EQ(pair.distinct4_ratio.value, 2.0 / 3.0);
}

TEST_F(ChoiceRunTest, AsksWithOptionsAndInstruction) {
  ScriptedAnswerer answerer([](const auto&) { return says("\\boxed{B}"); });
  const auto run = value_of(run_choice(answerer, questions(2), options_, silent_observer()));
  ASSERT_EQ(answerer.asked().size(), 2U);
  EXPECT_EQ(answerer.asked()[0], "0?\nA. w\nB. x\nC. y\nD. z\n\nPick.");
  EXPECT_EQ(run.asked.n_asked, 2U);
  EXPECT_TRUE(run.answers[0].first.right && run.answers[1].first.right);
  // Again: all is known.
  const auto again = value_of(run_choice(answerer, questions(2), options_, silent_observer()));
  EXPECT_EQ(again.asked.n_asked, 0U);
  EXPECT_TRUE(again.answers[1].first.right);
  // Other options, answers or words are another run.
  auto other = questions(2);
  other.questions[1].choice.answer = 2;
  expect_error(run_choice(answerer, other, options_, silent_observer()), Code::kMismatch,
               "begun with other questions");
  options_.instruction = "Choose.";
  expect_error(run_choice(answerer, questions(2), options_, silent_observer()), Code::kMismatch,
               "begun with other questions");
}

TEST_F(ChoiceRunTest, RetriesLoopsAndEmptyAnswersOnceWithAnotherSeed) {
  std::map<std::string, std::vector<std::uint64_t>> seeds;
  ScriptedAnswerer answerer([&](const std::string& question) -> Result<ChatAnswer> {
    const bool first = answerer.n_asked(question) == 1;
    seeds[question].push_back(answerer.seed_of(question));
    if (question.starts_with("0")) return first ? says("x", AnswerEnd::kLoop) : says("**B**");
    if (question.starts_with("1")) return says("");
    if (question.starts_with("2")) return says("B?", AnswerEnd::kLength);
    return says("\\boxed{C}");
  });
  const auto set = questions(4);
  const auto run = value_of(run_choice(answerer, set, options_, silent_observer()));
  EXPECT_EQ(answerer.asked().size(), 6U);
  for (const auto* question : {"0?", "1?"}) {
    const auto& [text, of] = *seeds.lower_bound(question);
    ASSERT_EQ(of.size(), 2U) << text;
    EXPECT_NE(of[0], of[1]) << text;
  }
  const auto tally = tally_of(set, run.answers);
  EXPECT_EQ(tally.n, 4U);
  EXPECT_EQ(tally.n_right, 0U);
  EXPECT_EQ(tally.n_right_retried, 1U);
  EXPECT_EQ(tally.n_retry, 2U);
  EXPECT_EQ(tally.n_loop, 1U);
  EXPECT_EQ(tally.n_empty, 1U);
  EXPECT_EQ(tally.n_cut, 1U);
  EXPECT_EQ(tally.n_no_letter, 3U);
  EXPECT_EQ(tally.n_token, 40U);
  EXPECT_EQ(tally.chance, 0.25);
  EXPECT_EQ(tally.n_rule, (std::map<std::string, std::uint64_t>{{"boxed", 1}}));
}

TEST_F(ChoiceRunTest, RetriesNothingThatWouldComeOutTheSame) {
  ScriptedAnswerer answerer([](const auto&) { return says(""); });
  options_.ask.sampling.temperature = 0.0F;
  value_of(run_choice(answerer, questions(3), options_, silent_observer()));
  EXPECT_EQ(answerer.asked().size(), 3U);
}

TEST_F(ChoiceRunTest, FailedQuestionsCountForNothing) {
  ScriptedAnswerer answerer([](const std::string& question) -> Result<ChatAnswer> {
    if (question.starts_with("1")) return fail(Code::kEngine, "HTTP status 500");
    return says("\\boxed{B}");
  });
  const auto set = questions(3);
  const auto run = value_of(run_choice(answerer, set, options_, silent_observer()));
  const auto tally = tally_of(set, run.answers);
  EXPECT_EQ(tally.n, 2U);
  EXPECT_EQ(tally.n_right, 2U);
  EXPECT_EQ(tally.n_failed, 1U);
}

TEST_F(ChoiceRunTest, IsReadForAComparison) {
  const auto set = questions(8);
  ScriptedAnswerer parent([](const auto&) { return says("\\boxed{B}", AnswerEnd::kTurn, 10); });
  auto parent_options = options_;
  parent_options.folder = dir_ / "parent";
  parent_options.identity = "model=parent";
  expect_error(read_choice_run(parent_options.folder, set, options_), Code::kNotFound, "parent");
  value_of(run_choice(parent, set, parent_options, silent_observer()));

  // Six right: two that only the parent has.
  ScriptedAnswerer child([](const std::string& question) {
    return says(question < "6" ? "\\boxed{B}" : "\\boxed{A}", AnswerEnd::kTurn, 15);
  });
  const auto run = value_of(run_choice(child, set, options_, silent_observer()));
  const auto of_parent = value_of(read_choice_run(parent_options.folder, set, options_));
  std::vector<std::size_t> all(8);
  std::iota(all.begin(), all.end(), 0);
  const auto pair = compare_choices(run.answers, of_parent, all);
  EXPECT_EQ(pair.n, 8U);
  EXPECT_EQ(pair.n_only_model, 0U);
  EXPECT_EQ(pair.n_only_parent, 2U);
  EXPECT_EQ(pair.n_right, 6U);
  EXPECT_EQ(pair.n_right_parent, 8U);
  EXPECT_DOUBLE_EQ(pair.test.p_exact, 0.5);  // two of two: 2 · (1/2)²
  EXPECT_DOUBLE_EQ(pair.accuracy_ratio.value, 0.75);
  EXPECT_DOUBLE_EQ(pair.token_ratio.value, 1.5);
  EXPECT_DOUBLE_EQ(pair.token_ratio.lower, 1.5);

  expect_error(read_choice_run(parent_options.folder, questions(7), options_), Code::kMismatch,
               "begun with other questions");
  options_.ask.thinking = true;
  expect_error(read_choice_run(parent_options.folder, set, options_), Code::kMismatch,
               "begun with other settings");
}

TEST_F(ChoiceRunTest, AnUnfinishedParentIsRefused) {
  const auto set = questions(4);
  ScriptedAnswerer broken([](const std::string& question) -> Result<ChatAnswer> {
    if (question.starts_with("2")) return fail(Code::kIo, "disk full");
    return says("\\boxed{B}");
  });
  EXPECT_FALSE(run_choice(broken, set, options_, silent_observer()));
  expect_error(read_choice_run(options_.folder, set, options_), Code::kMismatch,
               "2 of 4 questions are answered");
}

TEST_F(ChoiceRunTest, ASystemMessageGoesToAllOrToACategory) {
  auto set = questions(2);
  set.questions[1].choice.category = "law";
  ScriptedAnswerer answerer([](const std::string&) { return says("\\boxed{B}"); });
  options_.ask.system = "Be brief.";
  options_.systems["law"] = "You are a judge.";
  value_of(run_choice(answerer, set, options_, silent_observer()));
  ASSERT_EQ(answerer.asked().size(), 2U);
  for (const auto& question : answerer.asked())
    EXPECT_EQ(answerer.system_of(question),
              question.starts_with("0?") ? "Be brief." : "You are a judge.");
  // Answers of another message are not these.
  options_.systems["law"] = "You are a lawyer.";
  expect_error(run_choice(answerer, set, options_, silent_observer()), Code::kMismatch, "");
  options_.systems["law"] = "You are a judge.";
  options_.ask.system.clear();
  expect_error(run_choice(answerer, set, options_, silent_observer()), Code::kMismatch, "");
}

// Source: the sampling that the web specialist's card states.
TEST(SpecialistDefaults, AreTheCards) {
  const auto ask = specialist_defaults();
  EXPECT_FALSE(ask.thinking);
  EXPECT_EQ(ask.max_new_tokens, 16384U);
  EXPECT_EQ(ask.sampling.temperature, 0.6F);
  EXPECT_EQ(ask.sampling.repeat_penalty, 1.05F);
  EXPECT_EQ(ask.sampling.repeat_last_n, 1024);
}

}  // namespace
}  // namespace coe
