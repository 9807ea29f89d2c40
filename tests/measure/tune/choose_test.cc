#include "coe/measure/tune/choose.h"

#include "measure/tune/fake_bench.h"
#include "support/expect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::FakeBench;
using ::coe::testing::value_of;
using ::testing::ElementsAre;

// A table that keeps the experts of lowest id.
ScoreTable low_ids(const RoutingStats& stats) {
  ScoreTable table;
  table.score = "recon";
  table.parent = stats.parent;
  table.shape = stats.shape;
  table.scores = ExpertTable<double>(stats.shape.n_layer(), stats.shape.n_expert);
  table.loss = table.scores;
  for (std::size_t l = 0; l < stats.shape.n_layer(); ++l)
    for (std::uint32_t e = 0; e < stats.shape.n_expert; ++e) table.scores.at(l, e) = -1.0 * e;
  return table;
}

class ChooseScore : public ::testing::Test {
 protected:
  ChooseScore() {
    recipe_.n_keep = 4;
    recipe_.profiles.push_back({profiles_.add("p", fake_.stats), 0.0});
  }

  FakeBench fake_;
  ProfileSet profiles_;
  MaskRecipe recipe_;
};

TEST_F(ChooseScore, TriesWhatTheProfileHas) {
  const auto names = [&](const std::string& table) {
    std::vector<std::string> out;
    for (const auto& candidate : candidate_recipes(profiles_, recipe_, table))
      out.push_back(pass_1_score(profiles_, candidate));
    return out;
  };
  EXPECT_THAT(names(""), ElementsAre("util", "reap_sum", "share"));
  const auto table = low_ids(fake_.stats);
  EXPECT_THAT(names(profiles_.add("t", table)), ElementsAre("util", "reap_sum", "share", "recon"));

  auto plain = fake_.stats;
  for (auto& domain : plain.domains) {
    domain.output_norm.clear();
    domain.gated_norm.clear();
    domain.output_share.clear();
    domain.moe_ratio.clear();
  }
  recipe_.profiles = {{profiles_.add("plain", plain), 0.0}};
  EXPECT_THAT(names(""), ElementsAre("util"));
}

// A pass that has a score of its own keeps it.
TEST_F(ChooseScore, PassesFollowTheScore) {
  ProtectPass by_frequency;
  by_frequency.score = Score::kFreq;
  recipe_.passes = {CotPass{}, ProtectPass{}, by_frequency};
  const auto candidates = candidate_recipes(profiles_, recipe_, "");
  EXPECT_EQ(std::get<CotPass>(candidates[2].passes[0]).score, Score::kShare);
  EXPECT_EQ(std::get<ProtectPass>(candidates[2].passes[1]).score, Score::kShare);
  EXPECT_EQ(std::get<ProtectPass>(candidates[2].passes[2]).score, Score::kFreq);
}

TEST_F(ChooseScore, TakesTheLowestKl) {
  const auto table = low_ids(fake_.stats);
  const auto digest = profiles_.add("t", table);
  const auto choice = value_of(choose_score(
      profiles_, candidate_recipes(profiles_, recipe_, digest), fake_.bench(), silent_observer()));
  ASSERT_EQ(choice.trials.size(), 4U);
  const auto& chosen = choice.trials[choice.chosen];
  for (const auto& trial : choice.trials) {
    EXPECT_GE(trial.eval.kl_mean(), chosen.eval.kl_mean()) << trial.score;
    EXPECT_NEAR(trial.kl_to_chosen.value, trial.eval.kl_mean() / chosen.eval.kl_mean(), 1e-12);
    EXPECT_EQ(trial.built.mask, value_of(build_mask(profiles_, trial.recipe)).mask);
  }
  EXPECT_EQ(chosen.kl_to_chosen.upper, 1.0);
  // Against the profile's own choice the lowest ids are no better than chance.
  EXPECT_NE(chosen.score, "recon");
}

TEST_F(ChooseScore, SaysWhichScoreCannotBeMade) {
  recipe_.n_keep = 8;
  expect_error(choose_score(profiles_, candidate_recipes(profiles_, recipe_, ""), fake_.bench(),
                            silent_observer()),
               Code::kInvalidArgument, "score util: K = 8");
}

}  // namespace
}  // namespace coe
