#include "coe/measure/webgen/outcome.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::expect_ok;
using coe::testing::TempDir;
using coe::testing::value_of;

WebOutcome failed() {
  WebOutcome out;
  out.fault = TrialFault{WebFault::kBehaviour, "the button is dead", 3};
  out.pictures = {"start.png"};
  out.blocked = {"https://example.org/"};
  out.seconds = 1.5;
  out.peak_memory = 1U << 30;
  return out;
}

TEST(OutcomeLine, ReadsBackTheSame) {
  const auto found = parse_outcome_line(outcome_line("k", failed()));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->first, "k");
  const auto& outcome = found->second;
  ASSERT_TRUE(outcome.fault);
  EXPECT_EQ(outcome.fault->kind, WebFault::kBehaviour);
  EXPECT_EQ(outcome.fault->reason, "the button is dead");
  EXPECT_EQ(outcome.fault->step, 3);
  EXPECT_EQ(outcome.pictures, failed().pictures);
  EXPECT_EQ(outcome.blocked, failed().blocked);
  EXPECT_EQ(outcome.seconds, 1.5);
  EXPECT_EQ(outcome.peak_memory, 1U << 30);
  EXPECT_TRUE(parse_outcome_line(outcome_line("k", WebOutcome{}))->second.passed());
}

TEST(OutcomeLine, OtherLinesHoldNone) {
  const auto line = outcome_line("k", failed());
  for (std::size_t n = 0; n + 1 < line.size(); ++n)
    ASSERT_FALSE(parse_outcome_line(line.substr(0, n))) << n;
  const auto with = [&](const std::string& from, const std::string& to) {
    auto text = line;
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  for (const auto& other :
       {std::string("7"), std::string("[]"), std::string("{}"), with("\"coe.web-outcomes/1\"", "3"),
        with("outcomes/1", "outcomes/2"), with("1073741824", "1e300"), with("1073741824", "-1"),
        with("\"behaviour\"", "\"odd\""), with("\"step\":3", "\"step\":0.5"),
        with("[\"start.png\"]", "[1]")})
    EXPECT_FALSE(parse_outcome_line(other)) << other;
}

class WebJournalTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<WebJournal>> open(bool restart = false,
                                           const std::string& suite = "xxh3:1") const {
    return WebJournal::open(path_, suite, restart);
  }
  void write(const std::string& text) const { std::ofstream(path_, std::ios::binary) << text; }

  TempDir dir_;
  Path path_ = dir_ / "outcomes.jsonl";
};

TEST_F(WebJournalTest, GoesOnAfterAKill) {
  expect_ok(value_of(open())->add("one", failed()));
  std::ofstream(path_, std::ios::app) << R"({"schema":"coe.web-out)";  // killed here
  expect_ok(value_of(open())->add("two", WebOutcome{}));
  {
    const auto journal = value_of(open());
    ASSERT_NE(journal->find("one"), nullptr);
    EXPECT_FALSE(journal->find("one")->passed());
    ASSERT_NE(journal->find("two"), nullptr);
    EXPECT_TRUE(journal->find("two")->passed());
    EXPECT_EQ(journal->find("three"), nullptr);
  }
  EXPECT_EQ(value_of(open(true))->find("one"), nullptr);
  EXPECT_EQ(value_of(WebJournal::open({}, "xxh3:1", false))->find("one"), nullptr);
}

TEST_F(WebJournalTest, BeginsWithTheSuite) {
  expect_ok(value_of(open())->add("one", failed()));
  EXPECT_EQ(value_of(read_journal_lines(path_)),
            "{\"schema\":\"coe.web-outcomes.journal/1\",\"suite\":\"xxh3:1\"}\n" +
                outcome_line("one", failed()));
  // Outcomes of another suite could never count.
  EXPECT_EQ(value_of(open(false, "xxh3:2"))->find("one"), nullptr);
  EXPECT_EQ(value_of(read_journal_lines(path_)),
            "{\"schema\":\"coe.web-outcomes.journal/1\",\"suite\":\"xxh3:2\"}\n");
}

// As files were written before they had a header: a newline before each line as well, and lines
// that kills left unfinished.
TEST_F(WebJournalTest, GoesOnWithAnOldFile) {
  const auto old = "\n" + outcome_line("one", failed()) + "\n{\"schema\":\"coe.web-out\n" +
                   outcome_line("two", WebOutcome{}) + "\n" + outcome_line("one", WebOutcome{});
  write(old + "\n{\"schema\"");
  expect_ok(value_of(open())->add("three", failed()));
  EXPECT_EQ(value_of(read_journal_lines(path_)), old + "\n" + outcome_line("three", failed()));
  const auto journal = value_of(open());
  ASSERT_NE(journal->find("one"), nullptr);
  EXPECT_FALSE(journal->find("one")->passed());  // the first counts
  ASSERT_NE(journal->find("two"), nullptr);
  ASSERT_NE(journal->find("three"), nullptr);
}

TEST_F(WebJournalTest, RefusesWhatIsNoJournal) {
  for (const auto* text : {"precious\n", "{}\n", "[]\n", "{\"schema\":\"coe.web-outcomes/1\"}\n",
                           "{\"schema\":\"coe.web-outcomes.journal/1\",\"suite\":1}\n"}) {
    write(text);
    expect_error(open(), Code::kCorrupt, "outcomes.jsonl:1: no journal of coe");
    EXPECT_EQ(value_of(read_text(path_)), text);
  }
  value_of(open(true));
  std::ofstream(path_, std::ios::app) << "{}\n";
  expect_error(open(), Code::kCorrupt, "outcomes.jsonl:2: no outcome of a page");
}

TEST_F(WebJournalTest, HasOneWriter) {
  const auto first = value_of(open());
  expect_error(open(), Code::kExists, "another process is writing it");
}

}  // namespace
}  // namespace coe
