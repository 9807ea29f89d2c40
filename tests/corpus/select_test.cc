#include "coe/corpus/select.h"

#include "coe/corpus/window.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tuple>

namespace coe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Corpus corpus_of(std::size_t n) {
  Corpus corpus;
  for (const auto* name : {"css", "js"}) {
    corpus.domains.push_back({name, 1.0, {}});
    for (std::size_t i = 0; i < n; ++i)
      corpus.domains.back().records.push_back(
          {fmt::format("{} {}", name, i), fmt::format("{}.jsonl:{}", name, i + 1)});
  }
  corpus.digest = corpus_digest(corpus);
  return corpus;
}

TEST(SelectDomains, KeepsTheNamedOnesAndChangesTheDigest) {
  auto corpus = corpus_of(2);
  const auto before = corpus.digest;
  const std::vector<std::string> names = {"js"};
  ASSERT_TRUE(select_domains(corpus, names));
  ASSERT_EQ(corpus.domains.size(), 1U);
  EXPECT_EQ(corpus.domains[0].name, "js");
  EXPECT_NE(corpus.digest, before);
}

TEST(SelectDomains, ListsWhatThereIs_WhenAskedForMore) {
  auto corpus = corpus_of(2);
  const std::vector<std::string> names = {"html"};
  const auto status = select_domains(corpus, names);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("`html`"));
  EXPECT_THAT(status.error().hint, HasSubstr("css, js"));
  const std::vector<std::string> twice = {"js", "js"};
  EXPECT_FALSE(select_domains(corpus, twice));
}

TEST(AddText, PutsRecordsBehindThoseOfTheirDomain) {
  auto corpus = corpus_of(2);
  corpus.domains[0].weight = 0.25;
  Corpus more;
  more.domains.push_back({"css", 1.0, {{"css more", "more.jsonl:1"}}});
  more.domains.push_back({"html", 2.0, {{"html 0", "more.jsonl:2"}}});
  more.domains.push_back({"ts", 1.0, {{"ts 0", "more.jsonl:3"}}});
  add_text(corpus, more);
  ASSERT_EQ(corpus.domains.size(), 4U);
  const auto& [css, html, js, ts] =
      std::tie(corpus.domains[0], corpus.domains[1], corpus.domains[2], corpus.domains[3]);
  EXPECT_EQ(css.name, "css");
  EXPECT_EQ(css.weight, 0.25);
  ASSERT_EQ(css.records.size(), 3U);
  EXPECT_EQ(css.records[2].text, "css more");
  EXPECT_EQ(html.name, "html");
  EXPECT_EQ(html.weight, 2.0);
  EXPECT_EQ(js.name, "js");
  EXPECT_EQ(ts.name, "ts");
  EXPECT_EQ(corpus.digest, corpus_digest(corpus));
  EXPECT_NE(corpus.digest, corpus_of(2).digest);
}

TEST(SplitOff, TakesEveryTenthOfEachDomain) {
  const auto split = split_off(corpus_of(25), 10, 9);
  ASSERT_TRUE(split);
  ASSERT_EQ(split->held_out.domains[0].records.size(), 2U);
  EXPECT_EQ(split->held_out.domains[0].records[0].text, "css 9");
  EXPECT_EQ(split->held_out.domains[0].records[1].text, "css 19");
  EXPECT_EQ(split->rest.domains[1].records.size(), 23U);
  EXPECT_TRUE(check_disjoint(split->rest, split->held_out));
}

// Of few texts the last is held out, and that is told; of one nothing can be.
TEST(SplitOff, HoldsOutTheLastOfFewTexts) {
  const auto split = split_off(corpus_of(9), 10, 9);
  ASSERT_TRUE(split);
  ASSERT_EQ(split->few.size(), 2U);
  EXPECT_EQ(split->few[0], (std::pair<std::string, std::size_t>("css", 9)));
  ASSERT_EQ(split->held_out.domains[0].records.size(), 1U);
  EXPECT_EQ(split->held_out.domains[0].records[0].text, "css 8");
  const auto one = split_off(corpus_of(1), 10, 9);
  ASSERT_FALSE(one);
  EXPECT_THAT(one.error().message, HasSubstr("css: has a single text"));
}

// A single text of many pieces gives its last ones.
TEST(SplitOff, HoldsOutTheEndOfASingleText) {
  Corpus corpus;
  corpus.domains.push_back({"book", 1.0, {}});
  for (int i = 1; i <= 25; ++i)
    corpus.domains[0].records.push_back(
        {"page " + std::to_string(i), "book.txt#" + std::to_string(i), "book.txt"});
  const auto split = split_off(corpus, 10, 9);
  ASSERT_TRUE(split);
  EXPECT_THAT(split->single, ElementsAre("book"));
  EXPECT_EQ(split->n_text, 0U);
  EXPECT_EQ(split->rest.domains[0].records.size(), 23U);
  ASSERT_EQ(split->held_out.domains[0].records.size(), 2U);
  EXPECT_EQ(split->held_out.domains[0].records[0].text, "page 24");
  corpus.domains[0].records.resize(9);
  EXPECT_FALSE(split_off(corpus, 10, 9));
}

// Pieces of a file are on one side.
TEST(SplitOff, LeavesNoPieceOfWhatIsHeldOut) {
  std::string lines;
  for (int file = 0; file < 12; ++file)
    for (int piece = 1; piece <= 3; ++piece)
      lines += R"({"text": "t)" + std::to_string(file * 3 + piece) + R"(", "source": "f)" +
               std::to_string(file) + ".js#" + std::to_string(piece) + "\"}\n";
  const auto corpus = parse_corpus(lines, "c.jsonl", default_text_spec());
  ASSERT_TRUE(corpus);
  const auto split = split_off(*corpus, 10, 9);
  ASSERT_TRUE(split);
  EXPECT_TRUE(split->few.empty());
  EXPECT_EQ(split->n_text, 1U);
  ASSERT_EQ(split->held_out.domains[0].records.size(), 3U);
  for (const auto& record : split->held_out.domains[0].records) EXPECT_EQ(record.piece_of, "f9.js");
  EXPECT_EQ(split->rest.domains[0].records.size(), 33U);
  // A source that is no piece is the name of a data set: its records are texts of their own.
  const auto plain =
      parse_corpus("{\"text\": \"a\", \"source\": \"set#x\"}\n", "c.jsonl", default_text_spec());
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->domains[0].records[0].piece_of, "");
}

TEST(CheckDisjoint, NamesBothPlacesOfALeak) {
  const auto profiling = corpus_of(3);
  Corpus evaluation;
  evaluation.domains.push_back({"x", 1.0, {{"new", "e.jsonl:1"}, {"js 2", "e.jsonl:2"}}});
  const auto status = check_disjoint(profiling, evaluation);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Code::kMismatch);
  EXPECT_THAT(status.error().message, HasSubstr("e.jsonl:2"));
  EXPECT_THAT(status.error().message, HasSubstr("js.jsonl:3"));
}

TEST(SplitWindows, RepeatsBosAndLosesNothing) {
  const std::vector<std::int32_t> tokens = {2, 10, 11, 12, 13, 14};
  EXPECT_THAT(split_windows(tokens, 4, 2),
              ElementsAre(ElementsAre(2, 10, 11, 12), ElementsAre(2, 13, 14)));
  EXPECT_THAT(split_windows(tokens, 4, -1),
              ElementsAre(ElementsAre(2, 10, 11, 12), ElementsAre(13, 14)));
  EXPECT_THAT(split_windows(tokens, 6, 2), ElementsAre(tokens));
  EXPECT_THAT(split_windows({}, 6, 2), ElementsAre());
}

}  // namespace
}  // namespace coe
