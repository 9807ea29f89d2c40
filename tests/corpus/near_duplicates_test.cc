#include "coe/corpus/near_duplicates.h"

#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/corpus/check.h"
#include "coe/corpus/corpus.h"

#include "support/expect.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace coe {
namespace {

using testing::value_of;
using Id = NearDuplicates::Id;

std::string made_text(Rng& rng, int n_word) {
  std::string out;
  for (int i = 0; i < n_word; ++i) out += "w" + std::to_string(rng.below(5000)) + " ";
  return out;
}

TEST(NearDuplicates, JaccardByHand) {
  const std::vector<std::uint64_t> a = {1, 2, 3, 4};
  const std::vector<std::uint64_t> b = {3, 4, 5};
  EXPECT_DOUBLE_EQ(jaccard(a, b), 2.0 / 5.0);
  EXPECT_DOUBLE_EQ(jaccard(a, a), 1.0);
  EXPECT_DOUBLE_EQ(jaccard(a, {}), 0.0);
  EXPECT_DOUBLE_EQ(jaccard({}, {}), 1.0);
}

TEST(NearDuplicates, ShinglesAreASetOfRuns) {
  NearDuplicateOptions options{.threshold = 0.5, .shingle_size = 2};
  EXPECT_EQ(shingles_of("a b a b a", options).size(), 2U);  // "a b", "b a"
  EXPECT_EQ(shingles_of("one", options).size(), 1U);
  EXPECT_EQ(shingles_of("+", options).size(), 1U);
  EXPECT_NE(shingles_of("+", options), shingles_of("-", options));
  options.unit = NearDuplicateOptions::Unit::kCharacter;
  EXPECT_EQ(shingles_of("abab", options).size(), 2U);
  EXPECT_EQ(shingles_of("x", options).size(), 1U);
}

TEST(NearDuplicates, BandsFindWhatIsAtTheThreshold) {
  for (const double threshold : {0.3, 0.5, 0.8, 0.9, 1.0}) {
    const auto banding = banding_for(threshold);
    EXPECT_LE(banding.n_band * banding.n_row, 128U);
    const auto found = [&](double t) {
      return 1.0 - std::pow(1.0 - std::pow(t, static_cast<double>(banding.n_row)),
                            static_cast<double>(banding.n_band));
    };
    EXPECT_GE(found(threshold), 0.99) << threshold;
  }
  EXPECT_EQ(banding_for(0.8).n_row, 6U);  // 1 - (1 - 0.8^6)^21 = 0.9983; with 7: 0.9856
  EXPECT_EQ(banding_for(0.8).n_band, 21U);
}

// Against the Jaccard index of every pair.
TEST(NearDuplicates, AgreesWithComparingEveryPair) {
  Rng rng(7);
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i) {
    const std::string text = made_text(rng, 60);
    texts.push_back(text);
    // A near copy: some words at the end replaced.
    const auto n_new = rng.below(30);
    std::size_t cut = text.size();
    for (std::uint64_t k = 0; k < n_new; ++k) cut = text.rfind(' ', cut - 2) + 1;
    texts.push_back(text.substr(0, cut) + made_text(rng, static_cast<int>(n_new)));
  }
  const NearDuplicateOptions options{.threshold = 0.6};
  NearDuplicates likes(options);
  std::vector<std::string> kept;
  int n_dropped = 0;
  for (const auto& text : texts) {
    const auto sketch = likes.sketch(text);
    const auto found =
        value_of(likes.find(sketch, [&](Id id) -> Result<std::string> { return kept[id]; }));
    const auto first = std::find_if(kept.begin(), kept.end(), [&](const std::string& other) {
      return jaccard(sketch.shingles, shingles_of(other, options)) >= 0.6;
    });
    ASSERT_EQ(found.has_value(), first != kept.end()) << text;
    if (found) {
      EXPECT_EQ(*found, static_cast<Id>(first - kept.begin()));
      ++n_dropped;
      continue;
    }
    likes.add(sketch, static_cast<Id>(kept.size()));
    kept.push_back(text);
  }
  EXPECT_GT(n_dropped, 10);
  EXPECT_LT(n_dropped, 40);
}

TEST(NearDuplicates, AFailureToReadIsTold) {
  NearDuplicates likes({.threshold = 0.5});
  likes.add(likes.sketch("one two three four"), 0);
  const auto found = likes.find(likes.sketch("one two three four"),
                                [](Id) -> Result<std::string> { return fail(Code::kIo, "gone"); });
  testing::expect_error(found, Code::kIo, "gone");
}

TEST(DescribeCorpus, CountsBothKindsOfDuplicatesApart) {
  const std::string text =
      "a text of some length that is said twice and then once more with a word";
  Corpus corpus;
  corpus.domains.push_back({"a", 0.5, {{text, "a:1"}, {text, "a:2"}, {"zwölf", "a:3"}}});
  corpus.domains.push_back({"b", 2.0, {{text + " added", "b:1"}, {text, "b:2"}, {"other", "b:3"}}});
  ModelHooks model;
  model.count_tokens = [](std::string_view t) -> Result<std::uint64_t> { return t.size(); };
  const auto facts =
      value_of(describe_corpus(corpus, {.threshold = 0.8}, model, silent_observer()));
  ASSERT_EQ(facts.size(), 2U);
  EXPECT_EQ(facts[0].n_record, 3U);
  EXPECT_EQ(facts[0].n_char, 2 * text.size() + 5);
  EXPECT_EQ(facts[0].n_token, 2 * text.size() + 6);
  EXPECT_EQ(facts[0].n_duplicate, 1U);
  EXPECT_EQ(facts[0].n_near_duplicate, 0U);
  EXPECT_EQ(facts[1].weight, 2.0);
  EXPECT_EQ(facts[1].n_duplicate, 1U);
  EXPECT_EQ(facts[1].n_near_duplicate, 1U);
  EXPECT_EQ(value_of(describe_corpus(corpus, {}, {}, silent_observer()))[1].n_near_duplicate, 0U);
}

}  // namespace
}  // namespace coe
