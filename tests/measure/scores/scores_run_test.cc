// The whole shoot-out over a tiny model and the fake engine.
#include "coe/measure/scores/scores_run.h"

#include "coe/corpus/select.h"
#include "coe/profile/routing/file.h"

#include "support/expect.h"
#include "support/fake_library.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::FakeLibrary;
using ::coe::testing::TempDir;
using ::coe::testing::value_of;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Corpus scores_text_of(std::string_view tail, const std::vector<std::string>& names) {
  Corpus corpus;
  for (const auto& domain : names) {
    corpus.domains.push_back({domain, 1.0, {}});
    for (int i = 0; i < 6; ++i)
      corpus.domains.back().records.push_back({fmt::format("{}{} {}", domain, i, tail), "t"});
  }
  corpus.digest = corpus_digest(corpus);
  return corpus;
}

class ScoreWarnings : public Observer {
 public:
  void warning(std::string_view message) override { heard.emplace_back(message); }
  std::vector<std::string> heard;
};

class NoValues : public gguf::Dequantizer {
 public:
  bool can(gguf::TensorType /*type*/) const override { return true; }
  void to_floats(gguf::TensorType /*type*/, std::span<const std::byte> /*blocks*/,
                 std::span<float> /*values*/) const override {}
};

class Scores : public ::testing::Test {
 protected:
  Scores() {
    options_.engine.model = coe::testing::write_tiny(
        dir_ / "m.gguf", coe::testing::tiny_moe({.n_expert = 8, .n_expert_used = 2}));
    options_.corpus = scores_text_of("profiled", {"a", "b"});
    options_.evaluation = scores_text_of("held out", {"a", "b"});
    options_.counts = {4, 6};
    options_.random_seeds = {1, 2};
    options_.n_recon_token = 0;
    options_.folder = dir_ / "out";
  }
  Result<ScoresReport> run() { return run_scores(options_, library_, warnings_); }
  static std::vector<std::string> names_of(const Shootout& shootout) {
    std::vector<std::string> names;
    for (const auto& row : shootout.rows) names.push_back(row.name());
    return names;
  }

  TempDir dir_;
  FakeLibrary library_;
  ScoresOptions options_;
  ScoreWarnings warnings_;
};

TEST_F(Scores, FromTextToATableOfEachK) {
  const auto report = value_of(run());
  ASSERT_EQ(report.shootouts.size(), 2U);
  EXPECT_EQ(report.shootouts[0].n_keep, 4U);
  EXPECT_EQ(report.shootouts[1].n_keep, 6U);
  EXPECT_THAT(report.shootouts[0].domains, ElementsAre("a", "b"));
  EXPECT_THAT(names_of(report.shootouts[0]),
              ElementsAre("util", "freq", "rank", "ean", "msan", "reap", "reap_sum", "decisive",
                          "share", "random"));
  EXPECT_EQ(report.engine, "fake");
  for (const auto& row : report.shootouts[0].rows) {
    ASSERT_EQ(row.cells.size(), 2U) << row.name();
    EXPECT_GT(row.cells[0].kl, 0.0) << row.name();
  }
  for (const auto* name : {"profile.gguf", "masks/share-a-k4.json", "masks/util-b-k6.json",
                           "cells/a.json", "cells/b.json"})
    EXPECT_TRUE(std::filesystem::exists(options_.folder / name)) << name;
}

TEST_F(Scores, ASecondRunOpensNoEngineAndAThirdKNoProfile) {
  const auto first = value_of(run());
  library_.n_opened = 0;
  const auto second = value_of(run());
  EXPECT_EQ(library_.n_opened, 0);
  EXPECT_EQ(second.shootouts[1].rows[3].cells[1].records,
            first.shootouts[1].rows[3].cells[1].records);
  options_.counts = {3, 4, 6};
  const auto more = value_of(run());
  EXPECT_EQ(library_.n_opened, 1);
  EXPECT_EQ(more.shootouts[1].rows[0].cells[0].records,
            first.shootouts[0].rows[0].cells[0].records);
}

TEST_F(Scores, OnlyThoseAskedForTheFirstAsTheBaseline) {
  options_.scores = {Score::kShare, Score::kFreq};
  options_.random_seeds.clear();
  const auto report = value_of(run());
  EXPECT_THAT(names_of(report.shootouts[0]), ElementsAre("share", "freq"));
  EXPECT_EQ(report.shootouts[0].rows[0].ratio.value, 1.0);
}

TEST_F(Scores, ProfilesWithoutOutputsLeaveTheirScoresOut) {
  const auto whole = value_of(run());
  auto stats = value_of(read_profile(options_.folder / "profile.gguf"));
  for (auto& domain : stats.domains) {
    domain.output_norm.clear();
    domain.output_square.clear();
    domain.gated_norm.clear();
    domain.output_share.clear();
    domain.moe_ratio.clear();
  }
  ASSERT_TRUE(write_profile(dir_ / "p.gguf", stats, Overwrite::kRefuse));
  options_.corpus = {};
  options_.profiles = {dir_ / "p.gguf"};
  options_.folder = dir_ / "other";
  const auto report = value_of(run());
  EXPECT_THAT(names_of(report.shootouts[0]),
              ElementsAre("util", "freq", "rank", "decisive", "random"));
  EXPECT_THAT(
      warnings_.heard,
      Contains(HasSubstr("left out, for the profiles do not hold what they need: ean, msan, reap, "
                         "reap_sum, share")));
  EXPECT_EQ(report.shootouts[0].rows[1].cells[0].records,
            whole.shootouts[0].rows[1].cells[0].records);
}

TEST_F(Scores, DomainsWithoutHeldOutTextAreNamed) {
  options_.evaluation = scores_text_of("held out", {"b", "c"});
  const auto report = value_of(run());
  EXPECT_THAT(report.shootouts[0].domains, ElementsAre("b"));
  EXPECT_THAT(report.left_out, ElementsAre("a"));
  EXPECT_THAT(warnings_.heard, Contains(HasSubstr("a: has no held-out text")));
  options_.evaluation = scores_text_of("held out", {"c"});
  options_.folder = dir_ / "none";
  expect_error(run(), Code::kInvalidArgument, "no held-out text is of a domain");
}

TEST_F(Scores, RefusesWhatCannotBeBeforeAnyWork) {
  options_.counts = {1};
  expect_error(run(), Code::kInvalidArgument, "K = 1");
  options_.counts = {4};
  options_.n_recon_token = 100;
  options_.heal.emplace();
  const NoValues values;
  library_.values = &values;
  expect_error(run(), Code::kUnsupported, "m.gguf");  // nothing stands beside its experts
  options_.heal.reset();
  options_.n_recon_token = 0;
  options_.evaluation.domains[0].records.push_back(options_.corpus.domains[0].records[0]);
  expect_error(run(), Code::kMismatch, "");
  options_.evaluation = scores_text_of("held out", {"a", "b"});
  options_.corpus = {};
  options_.profiles = {dir_ / "p.gguf"};
  options_.n_recon_token = 10;
  expect_error(run(), Code::kInvalidArgument, "recon looks at the text itself");
  EXPECT_EQ(library_.n_opened, 0);
}

}  // namespace
}  // namespace coe
