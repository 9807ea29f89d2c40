#include "coe/measure/webgen/answers.h"

#include "support/expect.h"
#include "support/scripted_answerer.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::expect_ok;
using ::coe::testing::ScriptedAnswerer;
using ::coe::testing::TempDir;
using ::coe::testing::value_of;

WebSuite suite_of_two() {
  WebSuite suite;
  suite.tasks.resize(2);
  suite.tasks[0].id = "css-a";
  suite.tasks[0].prompt = "first";
  suite.tasks[1].id = "vue-b";
  suite.tasks[1].prompt = "second";
  suite.tasks[1].format = WebFormat::kVue;
  return suite;
}

ChatAnswer said(std::string text) {
  ChatAnswer answer;
  answer.content = std::move(text);
  return answer;
}

class WebAnswersTest : public ::testing::Test {
 protected:
  void put(const std::string& name, const std::string& text) {
    expect_ok(write_file(dir_ / name, text, Overwrite::kRefuse));
  }
  Result<WebAnswers> ask(ScriptedAnswerer& answerer, std::uint32_t n_sample) {
    WebAskOptions options;
    options.n_sample = n_sample;
    options.identity = "model=a";
    options.journal = dir_ / "journal.jsonl";
    return ask_web_suite(answerer, suite_, options, silent_observer());
  }

  TempDir dir_;
  WebSuite suite_ = suite_of_two();
};

TEST_F(WebAnswersTest, EachTaskIsAskedSoOftenAndNamedByItsSample) {
  ScriptedAnswerer answerer([](const std::string& question) -> Result<ChatAnswer> {
    return said(question.find("first") != std::string::npos ? "one" : "two");
  });
  const auto answers = value_of(ask(answerer, 2));
  ASSERT_EQ(answers.attempts.size(), 4U);
  EXPECT_EQ(answers.attempts[1].task, 0U);
  EXPECT_EQ(answers.attempts[1].name, "2");
  EXPECT_EQ(answers.attempts[1].text, "one");
  EXPECT_EQ(answers.attempts[2].task, 1U);
  EXPECT_EQ(answers.attempts[2].name, "1");
  EXPECT_EQ(answers.attempts[2].text, "two");
  EXPECT_FALSE(answers.attempts[2].is_source);
  EXPECT_EQ(answers.n_failed, 0U);
}

TEST_F(WebAnswersTest, WhatTheJournalHoldsIsNotAskedAgain) {
  ScriptedAnswerer first([](const std::string&) -> Result<ChatAnswer> { return said("x"); });
  value_of(ask(first, 1));
  ScriptedAnswerer second([](const std::string&) -> Result<ChatAnswer> { return said("y"); });
  const auto answers = value_of(ask(second, 1));
  EXPECT_TRUE(second.asked().empty());
  EXPECT_EQ(answers.attempts[0].text, "x");
  // Another suite is another run.
  suite_.tasks[1].prompt = "third";
  expect_error(ask(second, 1), Code::kMismatch, "journal.jsonl");
}

TEST_F(WebAnswersTest, AQuestionWithoutAnswerIsCounted) {
  ScriptedAnswerer answerer([](const std::string& question) -> Result<ChatAnswer> {
    if (question.find("second") != std::string::npos) return fail(Code::kEngine, "no");
    return said("x");
  });
  const auto answers = value_of(ask(answerer, 1));
  EXPECT_EQ(answers.n_failed, 1U);
  ASSERT_EQ(answers.attempts.size(), 2U);
  EXPECT_EQ(answers.attempts[1].text, "");
}

TEST_F(WebAnswersTest, AFolderHoldsRepliesAndFiles) {
  put("css-a.md", "a reply");
  put("css-a-again.html", "<p>");
  put("vue-b.html", "not in the task's format");
  put("vue-b-2.vue", "<template>");
  put("other.md", "of no task");
  const auto answers = value_of(read_web_answers(dir_.path(), suite_));
  ASSERT_EQ(answers.attempts.size(), 4U);
  EXPECT_EQ(answers.attempts[0].name, "again");
  EXPECT_TRUE(answers.attempts[0].is_source);
  EXPECT_EQ(answers.attempts[1].name, "1");
  EXPECT_FALSE(answers.attempts[1].is_source);
  EXPECT_EQ(answers.attempts[1].text, "a reply");
  EXPECT_EQ(answers.attempts[2].name, "2");
  EXPECT_TRUE(answers.attempts[2].is_source);
  EXPECT_FALSE(answers.attempts[3].is_source);
}

TEST_F(WebAnswersTest, AFolderWithoutAnswersSaysHowToNameThem) {
  const auto none = read_web_answers(dir_.path(), suite_);
  expect_error(none, Code::kNotFound, "holds no answer to any task");
  EXPECT_THAT(none.error().hint, ::testing::HasSubstr("TASK.md"));
  expect_error(read_web_answers(dir_ / "nowhere", suite_), Code::kNotFound, "is no folder");
}

}  // namespace
}  // namespace coe
