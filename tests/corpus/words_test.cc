#include "coe/corpus/words.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> spelled(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& word : words_of(text))
    out.emplace_back(text.substr(word.begin, word.end - word.begin));
  return out;
}

std::vector<std::uint64_t> hashes(std::string_view text) {
  std::vector<std::uint64_t> out;
  for (const auto& word : words_of(text)) out.push_back(word.hash);
  return out;
}

TEST(Words, AreRunsOfLettersAndDigits) {
  EXPECT_THAT(spelled("let x_1 = foo(42);\n"), ElementsAre("let", "x", "1", "foo", "42"));
  EXPECT_THAT(spelled("L’été, naïve—ça va?"), ElementsAre("L", "été", "naïve", "ça", "va"));
  EXPECT_THAT(spelled("東京へ go"), ElementsAre("東", "京", "へ", "go"));
  EXPECT_THAT(spelled("  ,;-- \n"), IsEmpty());
  EXPECT_THAT(spelled(""), IsEmpty());
}

TEST(Words, DoNotSeeCaseSpaceAndPunctuation) {
  EXPECT_EQ(hashes("The CAT\tsat, ÉTÉ."), hashes("the cat  (sat)\u00a0été"));
  EXPECT_NE(hashes("the cat sat"), hashes("the cat sits"));
  EXPECT_NE(hashes("ab c"), hashes("a bc"));
}

TEST(Words, SqueezeKeepsPunctuation) {
  EXPECT_EQ(squeeze("  What is\n\t3 + 4?  "), "what is 3 + 4?");
  EXPECT_NE(squeeze("3 + 4"), squeeze("3 - 4"));
  EXPECT_EQ(squeeze("ÀÉ\u00a0\u200bx"), "àé x");
  EXPECT_EQ(squeeze(" \n"), "");
}

TEST(Words, NgramsAreOneForEachRun) {
  const auto words = words_of("a b c d a b c");
  const auto ngrams = ngrams_of(words, 3);
  ASSERT_EQ(ngrams.size(), 5U);
  EXPECT_EQ(ngrams[0], ngrams[4]);  // a b c
  EXPECT_EQ(std::set(ngrams.begin(), ngrams.end()).size(), 4U);
  EXPECT_THAT(ngrams_of(words, 8), IsEmpty());
  EXPECT_THAT(ngrams_of(words, 0), IsEmpty());
  EXPECT_EQ(ngrams_of(words, 7).size(), 1U);
  EXPECT_EQ(character_ngrams_of("A  bc", 2).size(), 3U);
  EXPECT_EQ(character_ngrams_of("A  bc", 2), character_ngrams_of("a bc", 2));
}

// A rolled hash is that of the same words anywhere.
TEST(Words, DistinctShare) {
  // a b a b a b: four-grams abab, baba, abab.
  EXPECT_DOUBLE_EQ(distinct_share(words_of("A b, a b; a b"), 4).value(), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(distinct_share(words_of("one two three four"), 4).value(), 1.0);
  EXPECT_FALSE(distinct_share(words_of("one two three"), 4));
  EXPECT_FALSE(distinct_share({}, 4));
}

RC_GTEST_PROP(WordsProperty, NgramsDoNotDependOnWhatStandsBefore, ()) {
  const auto length = *rc::gen::inRange(1, 30);
  std::string text;
  for (int i = 0; i < length; ++i) text += "w" + std::to_string(*rc::gen::inRange(0, 5)) + " ";
  const auto n = static_cast<std::size_t>(*rc::gen::inRange(1, 8));
  const auto words = words_of(text);
  const auto ngrams = ngrams_of(words, n);
  for (std::size_t i = 0; i < ngrams.size(); ++i) {
    const std::vector<Word> part(words.begin() + static_cast<std::ptrdiff_t>(i),
                                 words.begin() + static_cast<std::ptrdiff_t>(i + n));
    RC_ASSERT(ngrams_of(part, n) == std::vector<std::uint64_t>{ngrams[i]});
  }
}

}  // namespace
}  // namespace coe
