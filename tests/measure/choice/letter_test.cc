#include "coe/measure/choice/letter.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

// "C boxed", or "none".
std::string found(std::string_view text, const std::vector<std::string>& options) {
  const auto letter = extract_letter(text, options);
  if (!letter) return "none";
  return std::string(1, letter->letter) + " " + std::string(rule_name(letter->rule));
}

// To a question whose options' texts are not at hand.
std::string found(std::string_view text, std::size_t n_option = 10) {
  return found(text, std::vector<std::string>(n_option));
}

const std::vector<std::string> kOptions = {"the first one", "the second one", "the third one",
                                           "the fourth one"};
const std::vector<std::string> kFoods = {"vitamin C", "Vitamin A", "B-cells", "C++"};
const std::vector<std::string> kNumbers = {"4", "42", "4.5", "-4"};

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

TEST(Letter, WithTheOptionsText) {
  EXPECT_EQ(found("C. the third one", kOptions), "C lone_line");
  EXPECT_EQ(found("C) the third one", kOptions), "C lone_line");
  EXPECT_EQ(found("(C) The third one, since the others are none.", kOptions), "C lone_line");
  EXPECT_EQ(found("- **C**: the third one", kOptions), "C bold");
  EXPECT_EQ(found("- *C*: the third one", kOptions), "C lone_line");
  EXPECT_EQ(found("### Answer\n**C. the third one**", kOptions), "C bold");
  EXPECT_EQ(found("It is **C) the third one**, I think", kOptions), "C bold");
  EXPECT_EQ(found("C. something else", kOptions), "none");
  EXPECT_EQ(found("C. Smith wrote it", kOptions), "none");
  EXPECT_EQ(found("A. the first one, truly", kOptions), "A lone_line");
}

TEST(Letter, TheOptionsTextAlone) {
  EXPECT_EQ(found("the third one", kOptions), "C lone_line");
  EXPECT_EQ(found("I think:\n\n**The third one.**", kOptions), "C bold");
  EXPECT_EQ(found(R"(\boxed{the third one})", kOptions), "C boxed");
  EXPECT_EQ(found(R"(\boxed{\text{the third one}})", kOptions), "C boxed");
  EXPECT_EQ(found("The answer is the third one.", kOptions), "C answer_is");
  EXPECT_EQ(found("Answer: the third one", kOptions), "C answer_colon");
  EXPECT_EQ(found("The answer is not the third one.", kOptions), "none");
  EXPECT_EQ(found("the third", kOptions), "none");
  EXPECT_EQ(found("x", {"x", "x", "y"}), "none");
  // Numbers are not taken for others that begin so.
  EXPECT_EQ(found(R"(\boxed{42})", kNumbers), "B boxed");
  EXPECT_EQ(found("The answer is 4.", kNumbers), "A answer_is");
  EXPECT_EQ(found("The answer is 4.5.", kNumbers), "C answer_is");
  EXPECT_EQ(found("The answer is 4.7.", kNumbers), "none");
  EXPECT_EQ(found("The answer is -4.", kNumbers), "D answer_is");
  EXPECT_EQ(found("The answer is 43", kNumbers), "none");
}

TEST(Letter, ListsOfOptionsAreNoAnswer) {
  const std::string list =
      "A. the first one\nB. the second one\nC. the third one\nD. the fourth one\n";
  EXPECT_EQ(found(list, kOptions), "none");
  EXPECT_EQ(found(list + "\nC. the third one", kOptions), "C lone_line");
  EXPECT_EQ(found("**A. the first one** no. **B. the second one** no.", kOptions), "none");
}

TEST(Letter, InTagsAndSentences) {
  EXPECT_EQ(found("<answer>C</answer>", kOptions), "C boxed");
  EXPECT_EQ(found("<answer> (C) the third one </answer>", kOptions), "C boxed");
  EXPECT_EQ(found("<boxed>the third one</boxed> or so", kOptions), "C boxed");
  EXPECT_EQ(found("Option C is correct.", kOptions), "C answer_is");
  EXPECT_EQ(found("The correct option is C. The others are false.", kOptions), "C answer_is");
  EXPECT_EQ(found("Therefore, C is the right answer.", kOptions), "C answer_is");
  EXPECT_EQ(found("In the end, **(C)** is the best choice", kOptions), "C answer_is");
  EXPECT_EQ(found("答案是C。", kOptions), "C answer_is");
  EXPECT_EQ(found("正确答案是（C）。", kOptions), "C answer_is");
  EXPECT_EQ(found("答案：C", kOptions), "C answer_colon");
  EXPECT_EQ(found("Option C is not correct.", kOptions), "none");
  EXPECT_EQ(found("Option C is correctly named.", kOptions), "none");
}

TEST(Letter, NamesThatEndInALetterAreNone) {
  EXPECT_EQ(found("It is Vitamin A", kOptions), "none");
  EXPECT_EQ(found("It is caused by hepatitis B.", kOptions), "none");
  EXPECT_EQ(found("Vitamin A is correct.", kOptions), "none");
  EXPECT_EQ(found("vitamins A, B, and C", kOptions), "none");
  EXPECT_EQ(found("Vitamin A", kFoods), "B lone_line");
  EXPECT_EQ(found("The answer is Vitamin A.", kFoods), "B answer_is");
  EXPECT_EQ(found("The answer is C++.", kFoods), "D answer_is");
  EXPECT_EQ(found(R"(\boxed{B-cells})", kFoods), "C boxed");
  EXPECT_EQ(found(R"(\boxed{C})", kFoods), "C boxed");
}

TEST(Letter, NothingIsGuessed) {
  EXPECT_EQ(found(""), "none");
  EXPECT_EQ(found("\n \n"), "none");
  EXPECT_EQ(found("It is 42"), "none");
}

}  // namespace
}  // namespace coe
