#include "coe/college/choose/text_features.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

namespace coe {
namespace {

TEST(TextFeatures, AreRunsWordsAndPairs) {
  const std::string text = "Ab cd_e, x";
  const auto found = text_features(text);
  EXPECT_EQ(found.grams[0].size(), 9U);
  EXPECT_EQ(found.grams[1].size(), 8U);
  EXPECT_EQ(found.grams[2].size(), 7U);
  ASSERT_EQ(found.words.size(), 3U);
  EXPECT_EQ(found.words[0].begin, 0U);
  EXPECT_EQ(found.words[0].end, 2U);
  EXPECT_EQ(found.words[1].begin, 3U);
  EXPECT_EQ(found.words[1].end, 7U);  // an underscore is part of a word
  EXPECT_EQ(found.words[2].begin, 9U);
  ASSERT_EQ(found.pairs.size(), 2U);
  EXPECT_EQ(found.pairs[0].begin, 0U);
  EXPECT_EQ(found.pairs[0].end, 7U);
  EXPECT_EQ(found.pairs[1].begin, 3U);
  EXPECT_EQ(found.pairs[1].end, 10U);
}

TEST(TextFeatures, OfTheSameAreTheSame) {
  const auto lower = text_features("the cat 12");
  const auto upper = text_features("The CAT 97");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(lower.words[i].hash, upper.words[i].hash);
  EXPECT_EQ(lower.pairs[0].hash, upper.pairs[0].hash);
  // Runs of bytes keep the case of letters, and take digits alike.
  EXPECT_NE(lower.grams[0][0], upper.grams[0][0]);
  EXPECT_EQ(lower.grams[0].back(), upper.grams[0].back());
}

// A word of three letters, the run of its bytes, and a pair have nothing in common; nor have "a b"
// and "b a".
TEST(TextFeatures, OfDifferentKindsDiffer) {
  const auto found = text_features("abc abd");
  std::set<std::uint64_t> hashes;
  std::size_t n = 0;
  for (const auto& grams : found.grams)
    for (const auto hash : grams) hashes.insert(hash), ++n;
  for (const auto& word : found.words) hashes.insert(word.hash), ++n;
  for (const auto& pair : found.pairs) hashes.insert(pair.hash), ++n;
  EXPECT_EQ(n, 6U + 5U + 4U + 2U + 1U);
  EXPECT_EQ(hashes.size(), n - 1);  // "ab" is there twice
  EXPECT_NE(text_features("a b").pairs[0].hash, text_features("b a").pairs[0].hash);
}

TEST(TextFeatures, OfShortTextsAreFew) {
  EXPECT_TRUE(text_features("").words.empty());
  EXPECT_TRUE(text_features("").grams[0].empty());
  EXPECT_TRUE(text_features("x").grams[0].empty());
  EXPECT_EQ(text_features("x").words.size(), 1U);
  EXPECT_TRUE(text_features("?!").words.empty());
}

// What a window of a text has is what the text has there, so that training may cut windows.
RC_GTEST_PROP(TextFeatures, OfAWindowAreThoseOfTheText, (const std::string& text)) {
  if (text.size() < 2) return;
  const auto begin = *rc::gen::inRange(std::size_t{0}, text.size() - 1);
  const auto whole = text_features(text);
  const auto part = text_features(text.substr(begin));
  for (std::size_t i = 0; i < kGramBytes.size(); ++i)
    RC_ASSERT(std::equal(part.grams[i].rbegin(), part.grams[i].rend(), whole.grams[i].rbegin()));
}

}  // namespace
}  // namespace coe
