#include "coe/measure/chat_check/judge.h"

#include <gtest/gtest.h>

#include <string>

namespace coe {
namespace {

std::string times(std::string_view piece, int n) {
  std::string text;
  for (int i = 0; i < n; ++i) text += piece;
  return text;
}

// "t" thinks, "m" markers, "e" empty, "l" loops.
std::string faults_of(const std::string& content, const std::string& thinking = "",
                      AnswerEnd end = AnswerEnd::kTurn) {
  ChatAnswer answer;
  answer.content = content;
  answer.thinking = thinking;
  answer.end = end;
  const auto faults = judge_answer(answer);
  const auto text = std::string(faults.thinks ? "t" : "") + (faults.markers ? "m" : "") +
                    (faults.empty ? "e" : "") + (faults.loops ? "l" : "");
  EXPECT_EQ(faults.any(), !text.empty());
  return text;
}

TEST(RepeatsAtEnd, WantsThreeTimesAndThirtyBytes) {
  EXPECT_TRUE(repeats_at_end("So " + times("I am here. ", 3) + "I"));
  EXPECT_TRUE(repeats_at_end("So it was that " + times("ab ", 10) + "a"));
  EXPECT_TRUE(repeats_at_end(times("<|channel>", 3)));
  EXPECT_TRUE(repeats_at_end(times("x", 30)));
  EXPECT_TRUE(repeats_at_end(times("x", 30) + "\n\n"));  // what is blank at the end does not count
  EXPECT_FALSE(repeats_at_end(times("x", 29)));
  EXPECT_FALSE(repeats_at_end(times("I am here, it is said. ", 2)));
  EXPECT_FALSE(repeats_at_end(times("ab", 14)));       // 28 bytes
  EXPECT_FALSE(repeats_at_end(times("x", 40) + "y"));  // it went on
  EXPECT_FALSE(repeats_at_end("The answer is 42, since six times seven are forty-two."));
  EXPECT_FALSE(repeats_at_end(""));
  // Longer than what is looked at.
  EXPECT_TRUE(repeats_at_end(times("0123456789", 100'000)));
  EXPECT_FALSE(repeats_at_end(times(times("a", 2000) + "b", 3)));
}

TEST(JudgeAnswer, FindsEachFault) {
  EXPECT_EQ(faults_of("It is 4."), "");
  EXPECT_EQ(faults_of("It is 4.", "hm"), "t");
  EXPECT_EQ(faults_of("", "hm"), "t");
  EXPECT_EQ(faults_of("It is 4.", "\n"), "");
  EXPECT_EQ(faults_of("<think>hm</think>4"), "t");  // another family's
  EXPECT_EQ(faults_of("<reasoning>so"), "t");
  EXPECT_EQ(faults_of("<|channel>plan\nso"), "m");
  EXPECT_EQ(faults_of("4<|im_start|>user"), "m");
  EXPECT_EQ(faults_of(""), "e");
  EXPECT_EQ(faults_of(" \n"), "e");
  EXPECT_EQ(faults_of("<div><p>4</p></div>"), "");
  EXPECT_EQ(faults_of(times("I am here. ", 4), "", AnswerEnd::kLength), "l");
  EXPECT_EQ(faults_of("", times("I am here. ", 4), AnswerEnd::kLength), "tl");
  EXPECT_EQ(faults_of(times("<|channel>", 20), "", AnswerEnd::kLength), "ml");
  EXPECT_EQ(faults_of("x", "", AnswerEnd::kLoop), "l");
  // Whatever came to its end did not go round in circles.
  EXPECT_EQ(faults_of(times("I am here. ", 4)), "");
  EXPECT_EQ(faults_of("It is 4, for two and", "", AnswerEnd::kLength), "");
}

}  // namespace
}  // namespace coe
