#include "coe/ask/journal.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::expect_ok;
using coe::testing::TempDir;
using coe::testing::value_of;
using ::testing::HasSubstr;

const JournalHeader kHeader = {"xxh3:1", 4, "model=m server=s", "think=on"};

std::string read(const Path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

JournalEntry done(const std::string& content) {
  JournalEntry entry;
  entry.answer.thinking = "hm \"ü\"\n";
  entry.answer.content = content;
  entry.answer.n_token_prompt = 5;
  entry.answer.n_token = 9;
  entry.answer.n_token_known = false;
  entry.answer.seconds = 0.25;
  return entry;
}

class JournalTest : public ::testing::Test {
 protected:
  JournalTest() {
    auto journal = value_of(Journal::open(path_, kHeader, false));
    expect_ok(journal.add(2, done("two")));
    expect_ok(journal.add(0, {Outcome::kFailed, {}, "HTTP status 500"}));
    expect_ok(journal.add(3, {Outcome::kLoop, done("x").answer, {}}));
    expect_ok(journal.add(0, {Outcome::kEmpty, done("").answer, {}}));
  }
  Result<Journal> open(const JournalHeader& header = kHeader, bool restart = false) {
    return Journal::open(path_, header, restart);
  }
  void write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }

  TempDir dir_;
  Path path_ = dir_ / "journal.jsonl";
};

TEST_F(JournalTest, KeepsTheLastEntryOfEachQuestion) {
  const auto journal = value_of(open());
  ASSERT_EQ(journal.entries().size(), 3U);
  const auto& two = journal.entries().at(2);
  EXPECT_EQ(two.outcome, Outcome::kDone);
  EXPECT_EQ(two.answer.thinking, "hm \"ü\"\n");
  EXPECT_EQ(two.answer.content, "two");
  EXPECT_EQ(two.answer.n_token_prompt, 5U);
  EXPECT_EQ(two.answer.n_token, 9U);
  EXPECT_FALSE(two.answer.n_token_known);
  EXPECT_EQ(two.answer.seconds, 0.25);
  EXPECT_EQ(journal.entries().at(0).outcome, Outcome::kEmpty);
  EXPECT_EQ(journal.entries().at(3).outcome, Outcome::kLoop);
}

TEST_F(JournalTest, KeepsWhyAnAnswerWasFiltered) {
  auto filtered = done("half");
  filtered.outcome = Outcome::kFiltered;
  filtered.answer.filter = "content_filter";
  expect_ok(value_of(open()).add(1, filtered));
  const auto entry = value_of(open()).entries().at(1);
  EXPECT_EQ(entry.outcome, Outcome::kFiltered);
  EXPECT_EQ(entry.answer.filter, "content_filter");
  EXPECT_EQ(entry.answer.content, "half");
  EXPECT_FALSE(is_answered(entry.outcome));
}

// Killed after any byte: the lines that were complete count, and the file can be gone on with.
TEST_F(JournalTest, SurvivesAKillAtAnyByte) {
  const std::string whole = read(path_);
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    write(whole.substr(0, n));
    const auto n_line =
        std::count(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n), '\n');
    {
      auto journal = value_of(open());
      const std::size_t expected = n_line < 2 ? 0 : n_line == 2 ? 1 : n_line == 3 ? 2 : 3;
      ASSERT_EQ(journal.entries().size(), expected) << n;
      expect_ok(journal.add(1, done("one")));
    }
    ASSERT_EQ(value_of(open()).entries().at(1).answer.content, "one") << n;
  }
}

TEST_F(JournalTest, RefusesAnotherRuns) {
  auto other = kHeader;
  other.questions = "xxh3:2";
  expect_error(open(other), Code::kMismatch, "other questions (4 of them, xxh3:1 vs 4, xxh3:2)");
  other = kHeader;
  other.identity = "model=n server=s";
  expect_error(open(other), Code::kMismatch, "other answerers (model=m server=s vs model=n");
  other = kHeader;
  other.settings = "think=off";
  expect_error(open(other), Code::kMismatch, "other settings (think=on vs think=off)");
  EXPECT_EQ(value_of(open()).entries().size(), 3U);  // untouched
  EXPECT_EQ(value_of(open(other, true)).entries().size(), 0U);
  EXPECT_EQ(value_of(open(other)).entries().size(), 0U);
}

TEST_F(JournalTest, RefusesWhatIsNoJournal) {
  const std::string whole = read(path_);
  const std::string header = whole.substr(0, whole.find('\n') + 1);
  for (const auto* text : {"{\"text\":\"precious\"}\n", "precious\n", "[]\n"}) {
    write(text);
    expect_error(open(), Code::kCorrupt, "journal.jsonl:1: no journal of coe");
    EXPECT_EQ(read(path_), text);
  }
  for (const auto* line : {"{}", "7", "{\"question\":1,\"outcome\":\"odd\"}",
                           "{\"question\":-1,\"outcome\":\"failed\",\"reason\":7}",
                           "{\"question\":1e300,\"outcome\":\"failed\",\"reason\":\"\"}",
                           "{\"question\":1,\"outcome\":\"done\",\"thinking\":\"\"}"}) {
    write(header + line + "\n");
    expect_error(open(), Code::kCorrupt, "journal.jsonl:2: no entry of a journal");
  }
  write(header + "{\"question\":4,\"outcome\":\"failed\",\"reason\":\"x\"}\n");
  expect_error(open(), Code::kCorrupt, "question that there is not");
}

TEST_F(JournalTest, HasOneWriter) {
  const auto first = value_of(open());
  expect_error(open(), Code::kExists, "another process is writing it");
}

TEST(Outcome, IsThatOfTheAnswer) {
  ChatAnswer answer;
  answer.content = "yes";
  EXPECT_EQ(outcome_of(answer), Outcome::kDone);
  answer.content = " \n";
  EXPECT_EQ(outcome_of(answer), Outcome::kEmpty);
  answer.end = AnswerEnd::kLength;
  EXPECT_EQ(outcome_of(answer), Outcome::kCut);
  answer.end = AnswerEnd::kLoop;
  EXPECT_EQ(outcome_of(answer), Outcome::kLoop);
  answer.end = AnswerEnd::kFilter;
  EXPECT_EQ(outcome_of(answer), Outcome::kFiltered);
}

}  // namespace
}  // namespace coe
