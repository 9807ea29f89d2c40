#include "coe/measure/webgen/suite_check.h"

#include <gtest/gtest.h>

#include <string>

namespace coe {
namespace {

WebSuite suite_with_mutant() {
  WebSuite suite;
  suite.tasks.resize(2);
  suite.tasks[0].reference = "good";
  suite.tasks[0].mutants.push_back({"dead", "", "bad", WebFault::kBehaviour, "The Button"});
  suite.tasks[1].reference = "other";
  return suite;
}

WebOutcome failed(WebFault kind, std::string reason) {
  WebOutcome outcome;
  outcome.fault = TrialFault{kind, std::move(reason), 1};
  return outcome;
}

TEST(SuiteAttempts, AreReferencesAndThenMutantsOfEachTask) {
  const auto suite = suite_with_mutant();
  const auto tried = suite_attempts(suite, 2);
  ASSERT_EQ(tried.attempts.size(), 5U);
  ASSERT_EQ(tried.mutants.size(), 5U);
  EXPECT_EQ(tried.attempts[0].name, "reference");
  EXPECT_EQ(tried.attempts[1].name, "reference-2");
  EXPECT_EQ(tried.attempts[1].text, "good");
  EXPECT_EQ(tried.attempts[2].name, "dead");
  EXPECT_EQ(tried.attempts[2].text, "bad");
  EXPECT_TRUE(tried.attempts[2].is_source);
  EXPECT_EQ(tried.mutants[1], nullptr);
  EXPECT_EQ(tried.mutants[2], &suite.tasks[0].mutants[0]);
  EXPECT_EQ(tried.attempts[3].task, 1U);
}

TEST(IsAsExpected, AReferencePasses) {
  EXPECT_TRUE(is_as_expected({}, nullptr));
  EXPECT_FALSE(is_as_expected(failed(WebFault::kBlank, "blank"), nullptr));
}

TEST(IsAsExpected, AMutantFailsByItsKindAndNamesItsFault) {
  const auto suite = suite_with_mutant();
  const auto* mutant = &suite.tasks[0].mutants[0];
  EXPECT_TRUE(is_as_expected(failed(WebFault::kBehaviour, "the button is dead"), mutant));
  EXPECT_FALSE(is_as_expected(failed(WebFault::kBehaviour, "the link is dead"), mutant));
  EXPECT_FALSE(is_as_expected(failed(WebFault::kBlank, "the button is dead"), mutant));
  EXPECT_FALSE(is_as_expected({}, mutant));
}

}  // namespace
}  // namespace coe
