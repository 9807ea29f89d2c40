#include "coe/college/choose/measure.h"

#include "coe/base/observer.h"
#include "coe/college/choose/chooser.h"
#include "coe/college/choose/text_samples.h"

#include "choose_fixture.h"
#include "support/expect.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::made_corpus;
using testing::value_of;

ChoiceOutcome outcome(std::size_t domain, std::size_t record, std::size_t best, bool sure,
                      double probability = 0.9, std::size_t length = 0) {
  return {domain, record, length, best, probability, sure};
}

// Of the first domain one of four is wrong and unsure, of the second one of two is wrong and sure.
std::vector<ChoiceOutcome> six() {
  return {outcome(0, 0, 0, true),  outcome(0, 1, 0, true), outcome(0, 2, 0, true),
          outcome(0, 3, 1, false), outcome(1, 0, 1, true), outcome(1, 1, 0, true)};
}

TEST(AccuracyOf, IsAMeanOverDomains) {
  const auto found = accuracy_of(six(), 2);
  ASSERT_EQ(found.size(), kRequestLengths.size());
  const auto& row = found[0];
  EXPECT_EQ(row.n_token, 20U);
  EXPECT_EQ(row.n, 6U);
  EXPECT_DOUBLE_EQ(row.accuracy.value, (0.75 + 0.5) / 2);
  EXPECT_DOUBLE_EQ(row.sure.value, (0.75 + 1.0) / 2);
  EXPECT_DOUBLE_EQ(row.when_sure.value, (1.0 + 0.5) / 2);
  EXPECT_EQ(row.confusion, (std::vector<std::vector<std::uint64_t>>{{3, 1}, {1, 1}}));
  EXPECT_LT(row.accuracy.lower, 0.625);
  EXPECT_GT(row.accuracy.upper, 0.625);
  EXPECT_EQ(found[1].n, 0U);
  EXPECT_DOUBLE_EQ(mean_accuracy(six(), 2), 0.625);
}

// All with a probability of 0.9, and four of six right.
TEST(AccuracyOf, KnowsHowFarProbabilitiesAreOff) {
  EXPECT_NEAR(accuracy_of(six(), 2)[0].calibration_error, 0.9 - 4.0 / 6.0, 1e-12);
  auto certain = six();
  for (auto& item : certain) item.probability = 1.0;
  EXPECT_NEAR(accuracy_of(certain, 2)[0].calibration_error, 2.0 / 6.0, 1e-12);
}

// Ten requests of one record are no ten records: the interval is that of two.
TEST(AccuracyOf, DrawsRecordsAndNotRequests) {
  std::vector<ChoiceOutcome> outcomes;
  for (int i = 0; i < 10; ++i) {
    outcomes.push_back(outcome(0, 0, 0, true));
    outcomes.push_back(outcome(0, 1, 1, true));
  }
  const auto row = accuracy_of(outcomes, 2)[0];
  EXPECT_DOUBLE_EQ(row.accuracy.value, 0.5);
  EXPECT_DOUBLE_EQ(row.accuracy.lower, 0.0);
  EXPECT_DOUBLE_EQ(row.accuracy.upper, 1.0);
}

TEST(AccuracyOf, PassesOverDomainsWithoutRequests) {
  EXPECT_DOUBLE_EQ(accuracy_of(six(), 5)[0].accuracy.value, 0.625);
  EXPECT_EQ(accuracy_of({}, 2)[0].n, 0U);
  EXPECT_EQ(mean_accuracy({}, 2), 0.0);
}

TEST(OutcomesOf, ReadEvidenceByTheCalibration) {
  const std::vector<TextWindow> windows = {{0, 3, 0, 10, 1}, {1, 4, 0, 10, 2}};
  std::vector<Judged> judged(2);
  judged[0].evidence[0] = {0.0, 2.0};
  judged[0].domain = 0;
  judged[1].evidence[0] = {0.0, 0.1};
  judged[1].domain = 1;
  const auto found =
      outcomes_of(windows, judged, {.weights = {1.0, 0.0}, .threshold = 0.6, .least_known = 0.0});
  EXPECT_EQ(found[0].best, 1U);
  EXPECT_TRUE(found[0].sure);
  EXPECT_EQ(found[0].record, 3U);
  EXPECT_EQ(found[0].length, 1U);
  EXPECT_EQ(found[1].best, 1U);
  EXPECT_FALSE(found[1].sure);
}

// Chooses the first word's number.
class ByNumber : public Chooser {
 public:
  const std::vector<std::string>& names() const override { return names_; }
  std::string_view kind() const override { return "text"; }
  Result<Choice> choose(std::string_view text) override {
    if (text.starts_with("x")) return fail(Code::kEngine, "told to fail");
    return Choice{std::nullopt, {0.4, 0.6}};
  }

 private:
  std::vector<std::string> names_ = {"a", "b"};
};

class Cancelled : public Observer {
 public:
  bool cancelled() override { return true; }
};

TEST(AskChooser, TimesEachRequest) {
  ByNumber chooser;
  std::vector<DomainText> domains = {{"a", {"yes", "no"}, {0, 0}, {"", ""}}};
  const std::vector<TextWindow> windows = {{0, 0, 0, 3, 0}, {0, 1, 0, 2, 1}};
  const auto found = value_of(ask_chooser(chooser, windows, domains, silent_observer()));
  EXPECT_EQ(found.speed.n, 2U);
  EXPECT_GE(found.speed.p95_ms, 0.0);
  ASSERT_EQ(found.outcomes.size(), 2U);
  EXPECT_EQ(found.outcomes[1].best, 1U);
  EXPECT_FALSE(found.outcomes[1].sure);
  Cancelled observer;
  expect_error(ask_chooser(chooser, windows, domains, observer), Code::kCancelled, "interrupted");
  domains[0].records[0] = "xes";
  expect_error(ask_chooser(chooser, windows, domains, silent_observer()), Code::kEngine,
               "told to fail");
}

}  // namespace
}  // namespace coe
