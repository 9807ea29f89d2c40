#include "coe/measure/choice/questions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace coe {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::StartsWith;

std::string right_option(const MultipleChoice& choice) { return choice.options.at(choice.answer); }

MultipleChoice made(std::string_view solution, std::uint32_t n_option = 4, std::uint64_t seed = 1,
                    std::string_view working = "6 * 7 = 42") {
  auto choice = make_choice("What is six times seven?", solution, working, n_option, seed);
  EXPECT_TRUE(choice.has_value()) << solution;
  return choice.value_or(MultipleChoice{.options = {""}});
}

TEST(MakeChoice, TakesTheLastNumberOfTheSolution) {
  EXPECT_EQ(right_option(made("The answer is 42.")), "42");
  EXPECT_EQ(right_option(made("The answer is $1,042.")), "$1042");
  EXPECT_EQ(right_option(made("First 3.\n#### 42")), "42");
  EXPECT_EQ(right_option(made("The answer is x = -12.")), "x = -12");
  EXPECT_EQ(right_option(made("The answer is 7/9.")), "7/9");
  EXPECT_EQ(right_option(made("The answer is 0.05 litres.")), "0.05 litres");
  EXPECT_EQ(right_option(made("The answer is Hana, by 23 cm.")), "Hana, by 23 cm");
  EXPECT_EQ(right_option(made("The answer is x^2 - 12x + 35.")), "x^2 - 12x + 35");
  EXPECT_EQ(made("The answer is 42.").question, "What is six times seven?");
}

TEST(MakeChoice, OptionsDifferAndAreOfOneForm) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    for (const std::uint32_t n : {2U, 4U, 10U, 26U}) {
      const auto choice = made("The answer is $0.50 each.", n, seed);
      ASSERT_EQ(choice.options.size(), n);
      EXPECT_EQ(std::set(choice.options.begin(), choice.options.end()).size(), n);
      EXPECT_EQ(right_option(choice), "$0.50 each");
      for (const auto& option : choice.options) {
        EXPECT_THAT(option, StartsWith("$"));  // none is negative, as the answer is not
        EXPECT_THAT(option, EndsWith(" each"));
        EXPECT_EQ(option.find('.'), option.find(" each") - 3) << option;
      }
    }
  }
}

TEST(MakeChoice, WrongOptionsComeFromTheWorkingToo) {
  bool seen = false;
  for (std::uint64_t seed = 0; seed < 20 && !seen; ++seed) {
    const auto choice = made("The answer is 42.", 4, seed, "6 * 777 is too much");
    seen = std::ranges::find(choice.options, "777") != choice.options.end();
  }
  EXPECT_TRUE(seen);
}

TEST(MakeChoice, PlacesOfTheAnswerAreEven) {
  std::size_t n_place[4] = {};
  for (std::uint64_t seed = 0; seed < 4000; ++seed)
    ++n_place[made("The answer is 42.", 4, seed).answer];
  for (const auto n : n_place) EXPECT_NEAR(static_cast<double>(n), 1000.0, 150.0);
  EXPECT_EQ(made("The answer is 42.", 4, 7).options, made("The answer is 42.", 4, 7).options);
  EXPECT_NE(made("The answer is 42.", 10, 7).options, made("The answer is 42.", 10, 8).options);
}

TEST(MakeChoice, KeepsOptionsThatTheProblemHas) {
  for (const auto* problem : {"Subject: x\nWhich?\nA. one\nB. two\nC. three",
                              "Subject: x\nWhich?\n(A) one\n(B) two\n\n(C) three\n",
                              "Subject: x\nWhich?\nA) one\nB) two\nC) three"}) {
    const auto choice = make_choice(problem, "Answer: B", "", 10, 1);
    ASSERT_TRUE(choice.has_value()) << problem;
    EXPECT_EQ(choice->question, "Subject: x\nWhich?");
    EXPECT_THAT(choice->options, ElementsAre("one", "two", "three"));
    EXPECT_EQ(choice->answer, 1U);
  }
}

TEST(MakeChoice, LeavesOutWhatItCannotUse) {
  EXPECT_FALSE(make_choice("Which day?", "The answer is Friday.", "", 4, 1));
  EXPECT_FALSE(make_choice("", "The answer is 4.", "", 4, 1));
  EXPECT_FALSE(make_choice("Which?", "", "", 4, 1));
  EXPECT_FALSE(make_choice("Which?\nA. one\nB. two", "Answer: D", "", 4, 1));
  EXPECT_FALSE(make_choice("Which?", "1234567890123456", "", 4, 1));  // beyond what is exact
}

}  // namespace
}  // namespace coe
