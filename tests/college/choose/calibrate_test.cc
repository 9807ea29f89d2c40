#include "coe/college/choose/calibrate.h"

#include "coe/base/rng.h"
#include "coe/college/choose/dispatcher.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

namespace coe {
namespace {

constexpr std::array<bool, kEvidence> kTextOnly = {true, false};
constexpr std::array<bool, kEvidence> kBothKinds = {true, true};

Judged judged(std::size_t domain, std::vector<double> text, std::vector<double> routing = {}) {
  Judged out;
  out.domain = domain;
  out.evidence = {std::move(text), std::move(routing)};
  return out;
}

TEST(Probabilities, AreASoftmaxOfWeightedEvidence) {
  const auto p = probabilities({std::vector{0.0, std::log(3.0)}, {}}, {.weights = {1.0, 5.0}});
  EXPECT_DOUBLE_EQ(p[0], 0.25);
  EXPECT_DOUBLE_EQ(p[1], 0.75);
  const auto both = probabilities(
      {std::vector{0.0, std::log(3.0)}, std::vector{std::log(9.0), 0.0}}, {.weights = {1.0, 0.5}});
  EXPECT_DOUBLE_EQ(both[0], 0.5);
}

TEST(Probabilities, OfFarEvidenceStayNumbers) {
  const auto p = probabilities({std::vector{-1e6, 1e6}, {}}, {.weights = {1e3, 0.0}});
  EXPECT_EQ(p[0], 0.0);
  EXPECT_EQ(p[1], 1.0);
}

// Three of four texts with evidence ±1 are right. The likelihood of w is greatest where
// sigmoid(2w) = 3/4, so w = ln(3) / 2.
TEST(Calibrate, FitsTheTemperature) {
  std::vector<Judged> texts;
  for (int i = 0; i < 4; ++i) {
    texts.push_back(judged(0, i < 3 ? std::vector{1.0, -1.0} : std::vector{-1.0, 1.0}));
    texts.push_back(judged(1, i < 3 ? std::vector{-1.0, 1.0} : std::vector{1.0, -1.0}));
  }
  const auto found = calibrate(texts, kTextOnly);
  EXPECT_NEAR(found.weights[0], std::log(3.0) / 2, 1e-5);
  EXPECT_EQ(found.weights[1], 0.0);
}

// Evidence of one kind that says nothing gets no weight that matters; the other is fitted as alone.
TEST(Calibrate, FitsTwoWeightsTogether) {
  Rng rng(1);
  std::vector<Judged> texts;
  for (int i = 0; i < 400; ++i) {
    const std::size_t domain = rng.below(2);
    const double side = (rng.below(4) < 3) == (domain == 0) ? 1.0 : -1.0;
    const double noise = rng.below(2) == 0 ? 1.0 : -1.0;
    texts.push_back(judged(domain, {side, -side}, {noise, -noise}));
  }
  const auto both = calibrate(texts, kBothKinds);
  EXPECT_NEAR(both.weights[0], calibrate(texts, kTextOnly).weights[0], 0.05);
  EXPECT_LT(both.weights[1], 0.1);
}

// A domain of many texts counts no more than one of few: doubling one's texts changes nothing.
TEST(Calibrate, CountsDomainsAlike) {
  std::vector<Judged> texts = {judged(0, {2.0, 0.0}), judged(0, {-1.0, 0.0}), judged(1, {0.0, 1.0}),
                               judged(1, {1.0, 0.5})};
  const auto once = calibrate(texts, kTextOnly);
  texts.push_back(texts[0]);
  texts.push_back(texts[1]);
  EXPECT_NEAR(calibrate(texts, kTextOnly).weights[0], once.weights[0], 1e-6);
}

// Ten texts: those with p below 0.7 are half wrong, those above are right.
TEST(Calibrate, IsUnsureWhereTextsWereWrong) {
  std::vector<Judged> texts;
  for (int i = 0; i < 96; ++i)
    texts.push_back(judged(static_cast<std::size_t>(i % 2),
                           i % 2 == 0 ? std::vector{3.0, 0.0} : std::vector{0.0, 3.0}));
  for (int i = 0; i < 8; ++i)
    texts.push_back(judged(static_cast<std::size_t>(i % 2),
                           i % 4 < 2 ? std::vector{0.8, 0.0} : std::vector{0.0, 0.8}));
  const auto found = calibrate(texts, kTextOnly);
  const auto low = probabilities({std::vector{0.8, 0.0}, {}}, found)[0];
  const auto high = probabilities({std::vector{3.0, 0.0}, {}}, found)[0];
  EXPECT_GT(found.threshold, low);
  EXPECT_LE(found.threshold, high);
}

// All are wrong half of the time: no threshold makes them right, and no more than a fifth is
// unsure.
TEST(Calibrate, LeavesMostSure) {
  std::vector<Judged> texts;
  for (int i = 0; i < 100; ++i)
    texts.push_back(judged(static_cast<std::size_t>(i % 2), {0.01 * i, 0.0}));
  const auto found = calibrate(texts, kTextOnly);
  std::size_t n_unsure = 0;
  for (const auto& text : texts) {
    const auto p = probabilities(text.evidence, found);
    n_unsure += static_cast<std::size_t>(p[best_of(p)] < found.threshold);
  }
  EXPECT_LE(n_unsure, 20U);
  EXPECT_GE(found.threshold, kLeastThreshold);
}

TEST(Calibrate, FindsWhatStrangeTextKnows) {
  std::vector<Judged> texts;
  for (int i = 0; i < 400; ++i) {
    texts.push_back(judged(static_cast<std::size_t>(i % 2), {1.0, 0.0}));
    texts.back().known = i == 0 ? 0.1 : i == 1 ? 0.2 : 0.6;
  }
  EXPECT_DOUBLE_EQ(calibrate(texts, kTextOnly).least_known, 0.3);
}

TEST(Calibrate, HasDefaultsWithoutTexts) {
  const auto found = calibrate({}, kBothKinds);
  EXPECT_EQ(found.weights, (std::array<double, kEvidence>{1.0, 1.0}));
  EXPECT_EQ(found.threshold, kLeastThreshold);
  EXPECT_EQ(found.least_known, 0.0);
}

// Text that is told apart without an error would have the weight grow for ever.
TEST(Calibrate, EndsWherePerfect) {
  const std::vector<Judged> texts = {judged(0, {1.0, 0.0}), judged(1, {0.0, 1.0})};
  const auto found = calibrate(texts, kTextOnly);
  EXPECT_GT(found.weights[0], 5.0);
  EXPECT_LE(found.weights[0], 1e3);
}

TEST(ChoiceOf, IsUnsureOfNothingOrStrangeOrEven) {
  const Calibration calibration{.weights = {1.0, 0.0}, .threshold = 0.6, .least_known = 0.2};
  const auto nothing = choice_of({std::vector{5.0, 0.0}, {}}, 0.0, 2, calibration);
  EXPECT_FALSE(nothing.chosen);
  EXPECT_EQ(nothing.scores, (std::vector{0.5, 0.5}));
  const auto strange = choice_of({std::vector{5.0, 0.0}, {}}, 0.1, 2, calibration);
  EXPECT_FALSE(strange.chosen);
  EXPECT_GT(strange.scores[0], 0.9);
  EXPECT_FALSE(choice_of({std::vector{0.1, 0.0}, {}}, 0.9, 2, calibration).chosen);
  EXPECT_EQ(choice_of({std::vector{0.0, 5.0}, {}}, 0.9, 2, calibration).chosen, 1U);
}

RC_GTEST_PROP(Probabilities, SumToOne, (const std::vector<int>& numbers, int weight)) {
  if (numbers.empty()) return;
  std::vector<double> evidence(numbers.begin(), numbers.end());
  const auto p = probabilities({evidence, {}}, {.weights = {std::abs(weight % 1000) / 10.0, 0.0}});
  RC_ASSERT(std::abs(std::accumulate(p.begin(), p.end(), 0.0) - 1.0) < 1e-9);
}

}  // namespace
}  // namespace coe
