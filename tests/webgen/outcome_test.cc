#include "coe/webgen/outcome.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace coe {
namespace {

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

TEST(WebJournal, GoesOnAfterAKill) {
  const TempDir dir;
  const auto path = dir / "outcomes.jsonl";
  expect_ok(value_of(WebJournal::open(path, false))->add("one", failed()));
  std::ofstream(path, std::ios::app) << R"({"schema":"coe.web-out)";  // killed here
  expect_ok(value_of(WebJournal::open(path, false))->add("two", WebOutcome{}));
  {
    const auto journal = value_of(WebJournal::open(path, false));
    ASSERT_NE(journal->find("one"), nullptr);
    EXPECT_FALSE(journal->find("one")->passed());
    ASSERT_NE(journal->find("two"), nullptr);
    EXPECT_TRUE(journal->find("two")->passed());
    EXPECT_EQ(journal->find("three"), nullptr);
  }
  EXPECT_EQ(value_of(WebJournal::open(path, true))->find("one"), nullptr);
  EXPECT_EQ(value_of(WebJournal::open({}, false))->find("one"), nullptr);
}

}  // namespace
}  // namespace coe
