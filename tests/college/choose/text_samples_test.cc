#include "coe/college/choose/text_samples.h"

#include "coe/base/utf8.h"
#include "coe/corpus/corpus.h"

#include "choose_fixture.h"
#include "support/expect.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::made_corpus;

TEST(DomainTexts, KeepPiecesOfATextInOneFold) {
  auto corpus = made_corpus(40, 10);
  auto& records = corpus.domains[0].records;
  for (std::size_t i = 0; i < records.size(); ++i) records[i].piece_of = std::to_string(i / 5);
  const auto texts = domain_texts(corpus);
  ASSERT_EQ(texts[0].records.size(), 40U);
  std::array<std::size_t, kFolds> n = {};
  for (std::size_t i = 0; i < 40; ++i) {
    EXPECT_EQ(texts[0].folds[i], texts[0].folds[i / 5 * 5]);
    ++n.at(texts[0].folds[i]);
  }
  EXPECT_EQ(n, (std::array<std::size_t, kFolds>{10, 10, 10, 10}));
  EXPECT_NE(texts[1].folds, domain_texts(corpus, 2)[1].folds);
  EXPECT_EQ(texts[1].folds, domain_texts(corpus, 1)[1].folds);
}

TEST(DomainTexts, AreWhatUsersWouldWrite) {
  Corpus corpus = made_corpus(8, 5);
  corpus.domains[0].records[0].text = "<|turn>user\nhi<turn|>";
  corpus.domains[0].records[1].text = "<|turn>user\n<turn|>";
  const auto texts = domain_texts(corpus);
  EXPECT_EQ(texts[0].records.size(), 7U);
  EXPECT_EQ(texts[0].records[0], "hi");
  EXPECT_EQ(texts[0].where[1], "apes.jsonl:3");
}

// One long record cannot be left out of its own domain; pieces of it can.
TEST(DomainTexts, CutFewTextsIntoPieces) {
  Corpus corpus = made_corpus(1, 2000);
  const auto texts = domain_texts(corpus);
  std::string joined;
  for (const auto& record : texts[0].records) joined += record;
  EXPECT_EQ(joined, corpus.domains[0].records[0].text);
  EXPECT_GE(texts[0].records.size(), kFolds);
  EXPECT_EQ(std::set(texts[0].folds.begin(), texts[0].folds.end()).size(), kFolds);
  // A short one stays whole.
  EXPECT_EQ(domain_texts(made_corpus(1, 3))[0].records.size(), 1U);
}

TEST(CheckDomains, RefusesOneDomainOrNoText) {
  auto corpus = made_corpus(8, 5);
  expect_ok(check_domains(domain_texts(corpus)));
  for (auto& record : corpus.domains[1].records) record.text = "<|turn>";
  expect_error(check_domains(domain_texts(corpus)), Code::kInvalidArgument,
               "domain `bees` has no text");
  corpus.domains.resize(1);
  expect_error(check_domains(domain_texts(corpus)), Code::kInvalidArgument, "only one domain");
  expect_error(check_domains({}), Code::kInvalidArgument, "no domain");
}

TEST(RequestStarts, AreTheStartsOfRecords) {
  Corpus corpus = made_corpus(6, 200);
  corpus.domains[0].records[0].text = "short one";
  const auto texts = domain_texts(corpus);
  const auto windows = request_starts(texts, bytes_of_tokens);
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> n;
  for (const auto& window : windows) {
    EXPECT_EQ(window.begin, 0U);
    ++n[{window.domain, window.record}];
    if (window.record > 0) {
      EXPECT_EQ(window.end, kRequestLengths[window.length] * kBytesPerToken);
    }
  }
  EXPECT_EQ((n[{0, 0}]), 1U);  // as long as it is, once
  EXPECT_EQ((n[{0, 1}]), 3U);
  EXPECT_EQ(text_of(windows[0], texts), "short one");
}

TEST(RequestPieces, AreAsManyOfEachDomain) {
  const auto texts = domain_texts(made_corpus(6, 300));
  const auto windows = request_pieces(texts, 20, 1, bytes_of_tokens);
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> n;
  std::size_t n_start = 0;
  for (const auto& window : windows) {
    ++n[{window.domain, window.length}];
    n_start += static_cast<std::size_t>(window.begin == 0);
    EXPECT_LE(window.end, texts[window.domain].records[window.record].size());
    EXPECT_LT(window.begin, window.end);
  }
  for (const auto& [key, count] : n) EXPECT_EQ(count, 20U);
  EXPECT_EQ(n.size(), 9U);
  EXPECT_GE(n_start, 6U * 9U);  // each record's start, for each length
  const auto again = request_pieces(texts, 20, 1, bytes_of_tokens);
  for (std::size_t i = 0; i < windows.size(); ++i) EXPECT_EQ(again[i].begin, windows[i].begin);
}

TEST(BytesOfTokens, EndWithWholeCharacters) {
  EXPECT_EQ(bytes_of_tokens("abcdefgh", 2), 6U);
  EXPECT_EQ(bytes_of_tokens("abc", 2), 3U);
  EXPECT_EQ(bytes_of_tokens("ab\u20acde", 1), 5U);
}

RC_GTEST_PROP(NextWord, StaysInTheText, (const std::string& text)) {
  const auto at = *rc::gen::inRange(std::size_t{0}, text.size() + 1);
  const auto found = next_word(text, at);
  RC_ASSERT(found >= at);
  RC_ASSERT(found <= text.size());
}

}  // namespace
}  // namespace coe
