#include "coe/measure/cells/cells.h"

#include "coe/base/sealed_json.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::expect_ok;
using ::coe::testing::TempDir;
using ::coe::testing::value_of;

DomainEval some_eval() {
  DomainEval eval;
  eval.add(RecordEval{.n_token = 3,
                      .nll = 0.1 + 0.2,
                      .reference_nll = 1.0 / 3.0,
                      .kl = 1e-17,
                      .n_top1_same = 2,
                      .n_hit = 1,
                      .n_reference_hit = 3});
  eval.add(RecordEval{.n_token = 5,
                      .nll = 7.25,
                      .reference_nll = 6.5,
                      .kl = 0.75,
                      .n_top1_same = 4,
                      .n_hit = 0,
                      .n_reference_hit = 2});
  eval.kl_max = 0.7;
  eval.logit_diff_max = 11.5;
  eval.top1_gap_max = 0.3;
  return eval;
}

TEST(DomainCells, ComeBackToTheBit) {
  TempDir dir;
  auto cells = value_of(DomainCells::open(dir / "web.json", "web", "in", Overwrite::kRefuse));
  EXPECT_EQ(cells.find("m"), nullptr);
  expect_ok(cells.add({{"m", some_eval()}}, "fake"));
  expect_ok(cells.add({{"n", some_eval()}}, "fake"));
  const auto again = value_of(DomainCells::open(dir / "web.json", "web", "in", Overwrite::kRefuse));
  for (const auto* digest : {"m", "n"}) {
    const auto* found = again.find(digest);
    ASSERT_NE(found, nullptr);
    const auto expected = some_eval();
    EXPECT_EQ(found->name, "web");
    EXPECT_EQ(found->records, expected.records);
    EXPECT_EQ(found->nll, expected.nll);
    EXPECT_EQ(found->kl, expected.kl);
    EXPECT_EQ(found->n_hit, 1U);
    EXPECT_EQ(found->n_token, 8U);
    EXPECT_EQ(found->kl_max, expected.kl_max);
    EXPECT_EQ(found->logit_diff_max, expected.logit_diff_max);
    EXPECT_EQ(found->top1_gap_max, expected.top1_gap_max);
  }
}

TEST(DomainCells, OfOtherSettingsAreNotMixedIn) {
  TempDir dir;
  auto cells = value_of(DomainCells::open(dir / "c.json", "web", "n_ctx=64", Overwrite::kRefuse));
  expect_ok(cells.add({{"m", some_eval()}}, "fake"));
  expect_error(DomainCells::open(dir / "c.json", "web", "n_ctx=32", Overwrite::kRefuse),
               Code::kExists, "c.json: holds measurements of another run: n_ctx (64 vs 32)");
  expect_error(DomainCells::open(dir / "c.json", "prose", "n_ctx=64", Overwrite::kRefuse),
               Code::kExists, "domain (web vs prose)");
  const auto anew =
      value_of(DomainCells::open(dir / "c.json", "web", "n_ctx=32", Overwrite::kAllow));
  EXPECT_EQ(anew.find("m"), nullptr);
}

// Cuts of the file, bytes replaced, and cells that nobody measured, with the right checksum.
TEST(DomainCells, DamageIsRefused) {
  TempDir dir;
  auto cells = value_of(DomainCells::open(dir / "c.json", "web", "in", Overwrite::kRefuse));
  expect_ok(cells.add({{"m", some_eval()}}, "fake"));
  const auto text = value_of(read_text(dir / "c.json"));
  for (std::size_t n = 0; n + 1 < text.size(); n += 11) {
    expect_ok(write_file(dir / "cut.json", text.substr(0, n), Overwrite::kAllow));
    EXPECT_FALSE(DomainCells::open(dir / "cut.json", "web", "in", Overwrite::kRefuse)) << n;
  }
  for (std::size_t i = 0; i < text.size(); i += 5) {
    auto bent = text;
    bent[i] = bent[i] == '9' ? '{' : '9';
    expect_ok(write_file(dir / "bent.json", bent, Overwrite::kAllow));
    const auto found = DomainCells::open(dir / "bent.json", "web", "in", Overwrite::kRefuse);
    const auto* cell = found ? found->find("m") : nullptr;
    // Nothing but white space may have been replaced.
    EXPECT_TRUE(cell == nullptr || text[i] == '\n') << i;
  }
  for (const auto* row :
       {"[0,1,1,1,0,0,0]", "[3,1,1,-1,0,0,0]", "[3,1,1,1,4,0,0]", "[3,1,1,1,0,4,0]",
        "[3,1,1,1,0,0,4]", "[3,1,1,1,0,0]", "[3,null,1,1,0,0,0]"}) {
    auto document = open_sealed_json(text);
    document["masks"]["m"]["records"] = {nlohmann::ordered_json::parse(row)};
    expect_ok(write_file(dir / "bad.json", sealed_json(document), Overwrite::kAllow));
    EXPECT_FALSE(DomainCells::open(dir / "bad.json", "web", "in", Overwrite::kRefuse)) << row;
  }
}

TEST(CellSettings, ChangeWithAllThatDecidesTheNumbers) {
  const SubDomain text{"web", 1.0, {{"some text", "a:1"}}};
  const auto base = cell_settings("digest", text, {}, "settings");
  EXPECT_EQ(cell_settings("digest", {"web", 2.0, {{"some text", "b:7"}}}, {}, "settings"), base);
  EXPECT_NE(cell_settings("other", text, {}, "settings"), base);
  EXPECT_NE(cell_settings("digest", {"web", 1.0, {{"other text", "a:1"}}}, {}, "settings"), base);
  EXPECT_NE(cell_settings("digest", text, {.max_tokens = 400}, "settings"), base);
  EXPECT_NE(cell_settings("digest", text, {.window = 64}, "settings"), base);
  EXPECT_NE(cell_settings("digest", text, {.stride = 3}, "settings"), base);
  EXPECT_NE(cell_settings("digest", text, {}, "other"), base);
}

}  // namespace
}  // namespace coe
