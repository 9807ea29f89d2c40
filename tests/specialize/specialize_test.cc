// The pipeline over a tiny model and the fake engine: its stages, what it reuses, what it refuses.
#include "coe/specialize/specialize.h"

#include "coe/child/verify/verify.h"
#include "coe/corpus/select.h"
#include "coe/engine/fake_engine.h"
#include "coe/mask/keep_mask.h"
#include "coe/profile/routing/file.h"

#include "support/fake_library.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace coe {
namespace {

using ::coe::testing::FakeLibrary;
using ::testing::HasSubstr;

Corpus text(const std::string& domain, std::size_t n, const std::string& tail) {
  Corpus corpus;
  corpus.domains.push_back({domain, 1.0, {}});
  for (std::size_t i = 0; i < n; ++i)
    corpus.domains[0].records.push_back({fmt::format("{} {} {}", domain, i, tail), "t.jsonl:1"});
  corpus.digest = corpus_digest(corpus);
  return corpus;
}

class SpecializeTest : public ::testing::Test {
 protected:
  SpecializeTest() {
    parent_ = dir_ / "parent.gguf";
    coe::testing::write_tiny(parent_, coe::testing::tiny_moe({.n_expert = 8, .n_expert_used = 2}));
    options_.engine.model = parent_;
    options_.corpus = text("own", 20, "for profiling");
    options_.evaluation = text("own", 4, "held out");
    options_.evaluation.domains.push_back(text("far", 4, "held out").domains[0]);
    options_.recipe.n_keep = 4;
    options_.n_random = 2;
    options_.output = dir_ / "child.gguf";
  }

  // The fake parent; for the child, the same under the mask that the pipeline wrote.
  Result<std::unique_ptr<Engine>> open(const EngineOptions& options) {
    FakeEngineOptions fake = fake_;
    if (options.model == options_.output && child_is_right_) {
      const auto mask = parse_mask(*read_text(dir_ / "child.mask.json"), "mask");
      fake.kept.kept = mask->layers();
    }
    return std::make_unique<FakeEngine>(fake);
  }
  Result<SpecializeReport> run() { return specialize(options_, library_, silent_observer()); }
  static std::vector<bool> reused(const SpecializeReport& report) {
    std::vector<bool> flags;
    for (const auto& stage : report.stages) flags.push_back(stage.reused);
    return flags;
  }

  coe::testing::TempDir dir_;
  Path parent_;
  SpecializeOptions options_;
  FakeEngineOptions fake_{.n_layer = 2, .n_expert = 8, .n_expert_used = 2};
  bool child_is_right_ = true;
  FakeLibrary library_{[this](const EngineOptions& options) { return open(options); }};
};

TEST_F(SpecializeTest, RunsAllStagesAndProvesTheChild) {
  const auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(reused(*report), (std::vector<bool>{false, false, false, false, false}));
  for (const auto* name :
       {"child.profile.gguf", "child.mask.json", "child.gguf", "child.eval.json"})
    EXPECT_TRUE(std::filesystem::exists(dir_ / name)) << name;
  EXPECT_EQ(report->bytes_child, std::filesystem::file_size(options_.output));
  EXPECT_LT(report->bytes_child, report->bytes_parent);
  ASSERT_EQ(report->domains.size(), 2U);
  EXPECT_EQ(report->domains[0].name, "own");
  EXPECT_TRUE(report->domains[0].own);
  EXPECT_FALSE(report->domains[1].own);
  EXPECT_EQ(report->domains[0].random_perplexity.size(), 2U);
  ASSERT_TRUE(report->slice_check);
  EXPECT_EQ(report->slice_check->logit_diff_max, 0.0);
  EXPECT_EQ(report->slice_check->worst().output, 0.0);
  EXPECT_GT(report->slice_check->n_token, 50U);
  const auto proof =
      verify_child(parent_, options_.output, std::nullopt, nullptr, silent_observer());
  ASSERT_TRUE(proof);
  EXPECT_TRUE(proof->ok());
}

TEST_F(SpecializeTest, SecondRunReusesEverythingAndOpensNoEngine) {
  const auto first = run();
  ASSERT_TRUE(first);
  library_.n_opened = 0;
  const auto second = run();
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(reused(*second),
            (std::vector<bool>{true, true, true, false, true}));  // the proof runs always
  EXPECT_EQ(library_.n_opened, 0);
  EXPECT_EQ(second->domains[0].specialist.nll, first->domains[0].specialist.nll);
  EXPECT_EQ(second->domains[1].random_kl, first->domains[1].random_kl);
}

TEST_F(SpecializeTest, ResumesAfterALostChild) {
  ASSERT_TRUE(run());
  std::filesystem::remove(options_.output);
  const auto resumed = run();
  ASSERT_TRUE(resumed);
  EXPECT_EQ(reused(*resumed), (std::vector<bool>{true, true, false, false, true}));
}

TEST_F(SpecializeTest, RefusesStaleStagesWithoutForceAndReplacesThemWithIt) {
  ASSERT_TRUE(run());
  options_.recipe.n_keep = 5;
  const auto stale = run();
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, Code::kExists);
  EXPECT_THAT(stale.error().message, HasSubstr("child.mask.json"));
  options_.overwrite = Overwrite::kAllow;
  const auto replaced = run();
  ASSERT_TRUE(replaced) << replaced.error().message;
  EXPECT_EQ(reused(*replaced), (std::vector<bool>{true, false, false, false, false}));
}

TEST_F(SpecializeTest, RefusesAForeignFileAtTheOutputBeforeAnyWork) {
  ASSERT_TRUE(write_file(options_.output, "someone's", Overwrite::kRefuse));
  const auto refused = run();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kExists);
  EXPECT_EQ(library_.n_opened, 0);
  EXPECT_EQ(*read_text(options_.output), "someone's");
}

TEST_F(SpecializeTest, RefusesImpossibleKBeforeAnyWork) {
  for (const auto k : {1U, 8U, 9U}) {
    options_.recipe.n_keep = k;
    const auto refused = run();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_THAT(refused.error().message, HasSubstr(fmt::format("K = {}", k)));
  }
  EXPECT_EQ(library_.n_opened, 0);
}

TEST_F(SpecializeTest, FailsWhenTheChildDoesNotAnswerAsTheMaskedParent) {
  child_is_right_ = false;
  const auto report = run();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::kCheckFailed);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "child.eval.json"));
}

TEST_F(SpecializeTest, RefusesTextThatProfilingHasSeen) {
  options_.evaluation.domains[0].records.push_back(options_.corpus.domains[0].records[3]);
  const auto refused = run();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kMismatch);
}

// The mask has the passes of the recipe, over the profile that was taken; profiles of another model
// are refused before any work.
TEST_F(SpecializeTest, MakesThePassesOfTheRecipe) {
  ASSERT_TRUE(run());
  const auto cot = read_profile(dir_ / "child.profile.gguf");
  ASSERT_TRUE(cot);
  options_.recipe.passes = {CotPass{{{}, options_.profiles.add("cot.gguf", *cot), {}, {}, {}}}};
  options_.overwrite = Overwrite::kAllow;
  const auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  const auto mask = parse_mask(*read_text(dir_ / "child.mask.json"), "mask");
  ASSERT_EQ(mask->passes.size(), 2U);
  EXPECT_THAT(mask->passes[1].json, HasSubstr("\"pass\":\"cot\""));
  const auto recipe = recipe_of(*mask);
  ASSERT_TRUE(recipe);
  EXPECT_EQ(recipe->profiles.front().digest, content_digest(*cot));

  auto foreign = *cot;
  foreign.parent.digest = "xxh3:other";
  options_.profiles.add("foreign.gguf", foreign);
  library_.n_opened = 0;
  const auto refused = run();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kMismatch);
  EXPECT_THAT(refused.error().message, HasSubstr("foreign.gguf"));
  EXPECT_EQ(library_.n_opened, 0);
}

TEST_F(SpecializeTest, HoldsOutATenth_WhenNoEvaluationTextIsGiven) {
  options_.evaluation = {};
  const auto report = run();
  ASSERT_TRUE(report) << report.error().message;
  ASSERT_EQ(report->domains.size(), 1U);
  EXPECT_EQ(report->domains[0].specialist.n_record, 2U);
}

}  // namespace
}  // namespace coe
