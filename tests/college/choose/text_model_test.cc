#include "coe/college/choose/text_model.h"

#include "coe/base/rng.h"
#include "coe/college/choose/text_features.h"

#include "support/expect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;

// Knows the words "cat" and "dog" alone.
TextModel cats_and_dogs() {
  const auto words = text_features("cat dog").words;
  TextModel model;
  const bool in_order = words[0].hash < words[1].hash;
  model.features = {std::min(words[0].hash, words[1].hash), std::max(words[0].hash, words[1].hash)};
  const std::vector<float> cat = {2.0F, -1.0F};
  const std::vector<float> dog = {-3.0F, 4.0F};
  for (const auto& row : {in_order ? cat : dog, in_order ? dog : cat})
    model.weights.insert(model.weights.end(), row.begin(), row.end());
  model.bias = {0.5F, -0.5F};
  return model;
}

TEST(TextScorer, GivesTheFormula) {
  const TextScorer scorer(cats_and_dogs());
  const auto one = scorer.evidence("Cat!");
  EXPECT_NEAR(one.logits[0], 2.5, 1e-6);
  EXPECT_NEAR(one.logits[1], -1.5, 1e-6);
  // "cat" twice, "dog" once: x is (1 + ln 2, 1) over its length.
  const auto three = scorer.evidence("cat dog cat");
  const double cat = 1.0 + std::log(2.0);
  const double length = std::sqrt(cat * cat + 1.0);
  EXPECT_NEAR(three.logits[0], 0.5 + (2.0 * cat - 3.0) / length, 1e-6);
  EXPECT_NEAR(three.logits[1], -0.5 + (-1.0 * cat + 4.0) / length, 1e-6);
  EXPECT_EQ(three.n_known, 3U);
}

TEST(TextScorer, KnowsWhatShareItKnows) {
  const TextScorer scorer(cats_and_dogs());
  EXPECT_EQ(scorer.evidence("").known(), 0.0);
  EXPECT_EQ(scorer.evidence("zebra").known(), 0.0);
  EXPECT_EQ(scorer.evidence("zebra").logits[0], 0.5);
  // "cat": two runs of two bytes, one of three, one word.
  EXPECT_DOUBLE_EQ(scorer.evidence("cat").known(), 0.25);
}

// What stands in the middle of a long text is not read, what stands at its ends is.
TEST(TextScorer, ReadsBothEndsOfALongText) {
  const TextScorer scorer(cats_and_dogs());
  const std::string filler(2 * kMostTextBytes, '.');
  EXPECT_EQ(scorer.evidence("cat " + filler + " dog").n_known, 2U);
  EXPECT_EQ(scorer.evidence(filler + " cat " + filler).n_known, 0U);
  EXPECT_LT(scorer.evidence(filler).n_feature, 4 * kMostTextBytes);
}

TEST(TextScorer, AnswersSeveralThreads) {
  const TextScorer scorer(cats_and_dogs());
  const auto expected = scorer.evidence("cat dog").logits;
  std::vector<std::thread> threads;
  std::vector<int> n_same(4, 0);
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i)
        n_same[t] += static_cast<int>(scorer.evidence("cat dog").logits == expected);
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(n_same, std::vector<int>(4, 200));
}

// The order in which features collide is no matter: a table of many finds each.
TEST(TextScorer, FindsEachOfManyFeatures) {
  std::string text;
  std::vector<std::uint64_t> hashes;
  Rng rng(3);
  for (int i = 0; i < 500; ++i) {
    std::string word;
    for (int k = 0; k < 6; ++k) word += static_cast<char>('a' + rng.below(26));
    text += word + " ";
  }
  for (const auto& word : text_features(text).words) hashes.push_back(word.hash);
  std::ranges::sort(hashes);
  hashes.erase(std::unique(hashes.begin(), hashes.end()), hashes.end());
  TextModel model{hashes, std::vector<float>(2 * hashes.size(), 1.0F), {0.0F, 0.0F}};
  expect_ok(check_text_model(model));
  EXPECT_EQ(TextScorer(model).evidence(text).n_known, 500U);
}

TEST(CheckTextModel, RefusesWhatCannotBe) {
  auto model = cats_and_dogs();
  expect_ok(check_text_model(model));
  std::swap(model.features[0], model.features[1]);
  expect_error(check_text_model(model), Code::kCorrupt, "do not ascend");
  model = cats_and_dogs();
  model.features[0] = model.features[1];
  expect_error(check_text_model(model), Code::kCorrupt, "do not ascend");
  model = cats_and_dogs();
  model.weights.pop_back();
  expect_error(check_text_model(model), Code::kCorrupt, "3 weights for 2 features of 2 domains");
  model = cats_and_dogs();
  model.weights[1] = std::numeric_limits<float>::infinity();
  expect_error(check_text_model(model), Code::kCorrupt, "no number");
  model = cats_and_dogs();
  model.bias[0] = std::numeric_limits<float>::quiet_NaN();
  expect_error(check_text_model(model), Code::kCorrupt, "no number");
  expect_error(check_text_model({{}, {}, {0.0F}}), Code::kCorrupt, "1 domains");
}

}  // namespace
}  // namespace coe
