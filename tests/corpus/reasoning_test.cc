#include "coe/corpus/reasoning.h"

#include "equation_check.h"
#include "reasoning_solver.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace coe {
namespace {

using testing::solve_again;
using testing::wrong_equation;

constexpr std::size_t kFamilies = 25;

TEST(Reasoning, EveryAnswerIsRight) {
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    for (const auto& made : generate_reasoning(seed, 1000)) {
      const std::string expected = solve_again(made.family, made.problem);
      ASSERT_FALSE(expected.empty()) << made.family << ": " << made.problem;
      EXPECT_EQ(made.solution, expected) << made.family << ": " << made.problem;
    }
  }
}

TEST(Reasoning, EveryEquationInTheThinkingHolds) {
  std::map<std::string, int> n_checked;
  for (const auto& made : generate_reasoning(4, 2000))
    EXPECT_EQ(wrong_equation(made.thinking, n_checked[made.family]), "") << made.thinking;
  for (const auto& [family, n] : n_checked) EXPECT_GE(n, 50) << family;
}

TEST(Reasoning, TheCheckOfEquationsCanFail) {
  int n = 0;
  EXPECT_EQ(wrong_equation("a\n12 * 2 = 24, and 3 - 5 = 2.", n), "12 * 2 = 24, and 3 - 5 = 2.");
  EXPECT_EQ(n, 2);
  EXPECT_NE(wrong_equation("9 / 2 = 4 remainder 2", n), "");
  EXPECT_NE(wrong_equation("7 mod 5 = 7 - 5 = 3", n), "");
  EXPECT_NE(wrong_equation("1/2 = 2/3 and so on", n), "");
  EXPECT_EQ(wrong_equation("2 * (3 + 4) = 14 = 10 - (-4)", n), "");
}

TEST(Reasoning, TheThinkingReachesTheAnswer) {
  for (const auto& made : generate_reasoning(5, 1000)) {
    // The last number or word of the answer occurs in the thinking ("27", "-3", "Sunday").
    const auto end = made.solution.find_last_not_of('.');
    std::string value = made.solution.substr(14, end - 13);
    if (value[0] == '$') value.erase(0, 1);
    value = value.substr(0, value.find(' '));
    if (made.family == "binary" || value == "x" || value == "area") continue;  // not said verbatim
    EXPECT_NE(made.thinking.find(value), std::string::npos) << made.thinking << made.solution;
  }
}

TEST(Reasoning, SameSeedSameProblems) {
  const auto a = generate_reasoning(11, 300);
  const auto b = generate_reasoning(11, 300);
  const auto longer = generate_reasoning(11, 301);
  ASSERT_EQ(a.size(), 300U);
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].problem, b[i].problem);
    EXPECT_EQ(a[i].thinking, b[i].thinking);
    EXPECT_EQ(a[i].solution, b[i].solution);
    EXPECT_EQ(a[i].problem, longer[i].problem);  // a longer run begins with the shorter
  }
  EXPECT_NE(a[0].problem, generate_reasoning(12, 1)[0].problem);
}

TEST(Reasoning, NoTwoAlikeAndFamiliesInRotation) {
  const auto problems = generate_reasoning(6, 4 * kFamilies);
  std::set<std::string> texts;
  std::map<std::string, int> families;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    EXPECT_TRUE(texts.insert(problems[i].problem).second) << problems[i].problem;
    ++families[problems[i].family];
    if (i >= kFamilies) {
      EXPECT_EQ(problems[i].family, problems[i - kFamilies].family);
    }
  }
  EXPECT_EQ(families.size(), kFamilies);
  for (const auto& [family, n] : families) EXPECT_EQ(n, 4) << family;
}

TEST(Reasoning, StaysDistinctInLargeRuns) {
  const auto problems = generate_reasoning(7, 12'000);
  std::set<std::string> texts;
  for (const auto& made : problems) texts.insert(made.problem);
  EXPECT_EQ(problems.size(), 12'000U);
  EXPECT_EQ(texts.size(), problems.size());
}

TEST(Reasoning, FoldsShareNoProblem) {
  std::set<std::string> first;
  for (const auto& made : generate_reasoning(1, 5000, {0, 2})) first.insert(made.problem);
  ASSERT_EQ(first.size(), 5000U);
  const auto second = generate_reasoning(1, 5000, {1, 2});
  ASSERT_EQ(second.size(), 5000U);
  EXPECT_TRUE(std::none_of(second.begin(), second.end(),
                           [&](const auto& made) { return first.contains(made.problem); }));
}

TEST(Reasoning, IsOneLineProblemsAndClosedAnswers) {
  for (const auto& made : generate_reasoning(8, 500)) {
    EXPECT_EQ(made.problem.find('\n'), std::string::npos);
    EXPECT_EQ(made.solution.rfind("The answer is ", 0), 0U);
    EXPECT_EQ(made.solution.back(), '.');
    EXPECT_FALSE(made.thinking.empty());
    EXPECT_NE(made.thinking.back(), '\n');
  }
}

}  // namespace
}  // namespace coe
