#include "coe/measure/choice/letter.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace coe {
namespace {

// "C boxed", or "none".
std::string found(std::string_view text, std::size_t n_option = 10) {
  const auto letter = extract_letter(text, n_option);
  if (!letter) return "none";
  return std::string(1, letter->letter) + " " + std::string(rule_name(letter->rule));
}

TEST(Letter, BoxedInItsForms) {
  for (const auto* text : {R"(so \boxed{C})", R"(\boxed{\text{C}})", R"(\boxed{(C)})",
                           R"(\boxed{C. 42 apples})", R"($\boxed{ c }$)", R"(\boxed{\mathrm{C}})",
                           R"(\boxed{A} no, \boxed{C})", "\\boxed{\xef\xbc\xa3}"})
    EXPECT_EQ(found(text), "C boxed") << text;
}

TEST(Letter, BoxedBeatsWhatComesLater) {
  EXPECT_EQ(found(R"(\boxed{B}. The answer is C.)"), "B boxed");
}

TEST(Letter, BoxedThatHoldsNoOptionIsPassedOver) {
  EXPECT_EQ(found(R"(\boxed{42} so the answer is (D))"), "D answer_is");
  EXPECT_EQ(found(R"(\boxed{Cat})"), "none");
  EXPECT_EQ(found(R"(\boxed{)"), "none");
  EXPECT_EQ(found(R"(\boxed{K})"), "none");
  EXPECT_EQ(found(R"(\boxed{K})", 11), "K boxed");
}

TEST(Letter, AnswerIs) {
  EXPECT_EQ(found("The answer is (C)."), "C answer_is");
  EXPECT_EQ(found("the ANSWER IS **c**"), "C answer_is");
  EXPECT_EQ(found("The answer is option D, as shown"), "D answer_is");
  EXPECT_EQ(found("The answer is A because 2 < 3"), "A answer_is");
  EXPECT_EQ(found("The answer is B. Wait: the answer is E."), "E answer_is");
  EXPECT_EQ(found("The answer is a matter of taste"), "none");
  EXPECT_EQ(found("The answer is Dog"), "none");
  EXPECT_EQ(found("The answer is: C, no doubt"), "C answer_is");
}

TEST(Letter, AnswerColon) {
  EXPECT_EQ(found("Answer: C"), "C answer_colon");
  EXPECT_EQ(found("**Answer:** (c)"), "C answer_colon");
  EXPECT_EQ(found("Answer\xef\xbc\x9a\xef\xbc\x88\xef\xbc\xa3\xef\xbc\x89"), "C answer_colon");
  EXPECT_EQ(found("Answer: I think it is four"), "none");
  EXPECT_EQ(found("**Answer**: C, no doubt"), "C answer_colon");
  EXPECT_EQ(found("Answer: I"), "I answer_colon");
}

TEST(Letter, Bold) {
  EXPECT_EQ(found("I would pick **C** here, surely"), "C bold");
  EXPECT_EQ(found("**Step** then **(D)** it is"), "D bold");
  EXPECT_EQ(found("**Cats** are nice"), "none");
}

TEST(Letter, LoneLine) {
  EXPECT_EQ(found("Let me see.\nC\nThat was it all"), "C lone_line");
  EXPECT_EQ(found("(d).\nnothing more to say"), "D lone_line");
  EXPECT_EQ(found("C is one\nof them all"), "none");
}

TEST(Letter, LastLetter) {
  EXPECT_EQ(found("so we should take C."), "C last_letter");
  EXPECT_EQ(found("so we should take (C)"), "C last_letter");
  EXPECT_EQ(found("so we should take c"), "none");
  EXPECT_EQ(found("made of ABC"), "none");
  EXPECT_EQ(found("so we should take Z"), "none");
}

TEST(Letter, NothingIsGuessed) {
  EXPECT_EQ(found(""), "none");
  EXPECT_EQ(found("\n \n"), "none");
  EXPECT_EQ(found("It is 42"), "none");
}

}  // namespace
}  // namespace coe
