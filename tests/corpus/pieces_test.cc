#include "coe/corpus/pieces.h"

#include "coe/base/utf8.h"
#include "coe/corpus/sampling.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;

TEST(SplitText, KeepsWhatFits) {
  EXPECT_THAT(split_text("short", 5), ElementsAre("short"));
  EXPECT_THAT(split_text("", 5), ElementsAre());
  EXPECT_THAT(split_text(" \n\n", 5), ElementsAre());
}

TEST(SplitText, PrefersBlankLinesThenLinesThenSentencesThenWords) {
  EXPECT_THAT(split_text("aaaa\nbb\n\ncc\ndd\nee", 12), ElementsAre("aaaa\nbb\n\n", "cc\ndd\nee"));
  EXPECT_THAT(split_text("aaaa bb\ncc. dd ee", 12), ElementsAre("aaaa bb\n", "cc. dd ee"));
  EXPECT_THAT(split_text("One two! Three four.", 12), ElementsAre("One two! ", "Three four."));
  EXPECT_THAT(split_text("some words here", 12), ElementsAre("some words ", "here"));
  EXPECT_THAT(split_text("abcdefgh", 3), ElementsAre("abc", "def", "gh"));
}

TEST(SplitText, BreaksInTheFirstHalfAreTooEarly) {
  EXPECT_THAT(split_text("a\n\nbbbb cccc dddd", 12), ElementsAre("a\n\nbbbb ", "cccc dddd"));
}

TEST(SplitText, CountsCharactersAndCutsBetweenThem) {
  // Four characters of two bytes each.
  EXPECT_THAT(split_text("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 3),
              ElementsAre("\xc3\xa9\xc3\xa9\xc3\xa9", "\xc3\xa9"));
}

TEST(SplitText, KeepsTheIndentationOfTheNextLine) {
  EXPECT_THAT(split_text("if x:\n\n    return 1", 14), ElementsAre("if x:\n\n    ", "return 1"));
  EXPECT_THAT(split_text("if abcdef:\n\n\n    return 1", 15),
              ElementsAre("if abcdef:\n\n\n", "    return 1"));
}

RC_GTEST_PROP(SplitTextProperty, CoversTheTextInBoundedPieces, ()) {
  const auto text =
      *rc::gen::container<std::string>(rc::gen::element('a', 'b', ' ', '.', '\n', '\n', '\t'));
  const auto limit = *rc::gen::inRange<std::uint64_t>(1, 30);
  std::string joined;
  for (const auto piece : split_text(text, limit)) {
    RC_ASSERT(count_chars(piece) <= limit);
    RC_ASSERT(!piece.empty());
    joined += piece;
  }
  const auto squeeze = [](std::string s) {
    s.erase(
        std::remove_if(s.begin(), s.end(), [](char c) { return c != 'a' && c != 'b' && c != '.'; }),
        s.end());
    return s;
  };
  RC_ASSERT(squeeze(joined) == squeeze(text));
}

TEST(TidyText, NormalisesEndsOfLinesAndOfTheText) {
  EXPECT_EQ(tidy_text("a\r\nb\r\n"), "a\nb\n");
  EXPECT_EQ(tidy_text("\xef\xbb\xbf"), "");
  EXPECT_EQ(tidy_text("\xef\xbb\xbf"
                      "a"),
            "a");
  EXPECT_EQ(tidy_text("\n \n  a\nb \n\n\n"), "  a\nb\n");
  EXPECT_EQ(tidy_text("a  "), "a");
  EXPECT_EQ(tidy_text("\n\n"), "");
  EXPECT_EQ(tidy_text(""), "");
}

TEST(WrapText, BreaksLongLinesAtBlanks) {
  EXPECT_EQ(wrap_text("aaa bbb ccc ddd", 7), "aaa bbb\nccc ddd");
  EXPECT_EQ(wrap_text("aaa bbb ccc", 8), "aaa bbb\nccc");
  EXPECT_EQ(wrap_text("aaaaaaaaaaaa bb", 5), "aaaaaaaaaaaa\nbb");
  EXPECT_EQ(wrap_text("short\nlines\n", 7), "short\nlines\n");
  EXPECT_EQ(wrap_text("    deeplyindented word", 10), "    deeplyindented\nword");
  EXPECT_EQ(wrap_text("\xc3\xa9\xc3\xa9\xc3\xa9 bb cc", 6), "\xc3\xa9\xc3\xa9\xc3\xa9 bb\ncc");
}

RC_GTEST_PROP(WrapTextProperty, ChangesBlanksOnly, ()) {
  const auto text = *rc::gen::container<std::string>(rc::gen::element('a', 'b', ' ', '\n'));
  const auto width = *rc::gen::inRange<std::uint64_t>(1, 20);
  std::string wrapped = wrap_text(text, width);
  RC_ASSERT(wrapped.size() == text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (wrapped[i] != text[i]) RC_ASSERT(text[i] == ' ' && wrapped[i] == '\n');
  }
  // Only a line without a blank to break at may be too long.
  std::size_t begin = 0;
  while (begin < wrapped.size()) {
    const auto end = std::min(wrapped.find('\n', begin), wrapped.size());
    const std::string line = wrapped.substr(begin, end - begin);
    const auto word = line.find_first_not_of(' ');
    if (line.size() > width && word != std::string::npos)
      RC_ASSERT(line.find(' ', word) == std::string::npos);
    begin = end + 1;
  }
}

TEST(IsMinified, LooksAtLineLengths) {
  EXPECT_FALSE(is_minified(""));
  EXPECT_FALSE(is_minified("const a = 1;\nconst b = 2;\n"));
  EXPECT_FALSE(is_minified(std::string(120, 'x') + "\n" + std::string(119, 'x') + "\n"));
  EXPECT_TRUE(is_minified(std::string(121, 'x') + "\n"));
  EXPECT_TRUE(is_minified("a\nb\nc\n" + std::string(1001, 'x')));
}

TEST(Sampling, TakesTheSameItemsWhateverTheirOrder) {
  std::vector<std::string> a;
  a.reserve(100);
  for (int i = 0; i < 100; ++i) a.push_back("file" + std::to_string(i));
  std::vector<std::string> b(a.rbegin(), a.rend());
  const auto key = [](const std::string& s) { return std::string_view(s); };
  const std::vector<std::string> all = a;
  sample_by_rank(a, 10, 7, key);
  sample_by_rank(b, 10, 7, key);
  EXPECT_EQ(std::set<std::string>(a.begin(), a.end()), std::set<std::string>(b.begin(), b.end()));
  EXPECT_EQ(a.size(), 10U);
  // In the old order.
  std::vector<std::size_t> places;
  places.reserve(a.size());
  for (const auto& name : a)
    places.push_back(
        static_cast<std::size_t>(std::find(all.begin(), all.end(), name) - all.begin()));
  EXPECT_TRUE(std::is_sorted(places.begin(), places.end()));
}

TEST(Sampling, DependsOnTheSeedAndSpreads) {
  int n_low = 0;
  for (int i = 0; i < 1000; ++i) {
    const std::string name = "f" + std::to_string(i);
    EXPECT_NE(seeded_rank(1, name), seeded_rank(2, name));
    if (seeded_rank(1, name) < UINT64_MAX / 2) ++n_low;
  }
  // Binomial(1000, 1/2): five standard deviations are 79.
  EXPECT_NEAR(n_low, 500, 79);
}

}  // namespace
}  // namespace coe
