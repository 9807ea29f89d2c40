// Pass 1 by a score table.
#include "coe/mask/score/table.h"

#include "coe/mask/recipe/recipe.h"

#include "support/expect.h"
#include "support/tiny_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstddef>
#include <string>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::value_of;
using ::testing::ElementsAre;
using Json = nlohmann::json;

class TableRecipe : public ::testing::Test {
 protected:
  TableRecipe()
      : stats_(coe::testing::random_stats(coe::testing::shape_of(2, 8, 2), {{"web", 1.0}}, 3)) {
    stats_.parent = {"Tiny", "gemma4", "xxh3:1"};
    table_.score = "recon";
    table_.parent = stats_.parent;
    table_.shape = stats_.shape;
    table_.scores = ExpertTable<double>(2, 8);
    table_.loss = ExpertTable<double>(2, 8);
    // Layer 0 keeps high ids, layer 1 low ones.
    for (std::uint32_t e = 0; e < 8; ++e) {
      table_.scores.at(0, e) = e;
      table_.scores.at(1, e) = 8.0 - e;
    }
    table_.n_token = 9;
    table_.corpus_digest = "xxh3:2";
    recipe_.n_keep = 3;
    recipe_.profiles.push_back({profiles_.add("p.gguf", stats_), 0.0});
  }
  Result<BuiltMask> build() {
    recipe_.table = profiles_.add("r.gguf", table_);
    return build_mask(profiles_, recipe_);
  }

  RoutingStats stats_;
  ScoreTable table_;
  ProfileSet profiles_;
  MaskRecipe recipe_;
};

TEST_F(TableRecipe, ChoosesByTheTableAndCoversByTheScore) {
  const auto built = value_of(build());
  EXPECT_THAT(built.mask.layers().at(LayerId{0}).ids(),
              ElementsAre(ExpertId{5}, ExpertId{6}, ExpertId{7}));
  EXPECT_THAT(built.mask.layers().at(LayerId{1}).ids(),
              ElementsAre(ExpertId{0}, ExpertId{1}, ExpertId{2}));
  const auto util = value_of(compute_score(stats_, {}));
  EXPECT_EQ(built.coverage.mean, coverage(built.mask, util, stats_.shape.layers).mean);
  const auto pass = Json::parse(built.mask.passes[0].json);
  EXPECT_EQ(pass.at("score"), "util");
  EXPECT_EQ(pass.at("table").at("score"), "recon");
  EXPECT_EQ(pass.at("table").at("digest"), content_digest(table_));
  EXPECT_EQ(pass_1_score(profiles_, recipe_), "recon");
}

TEST_F(TableRecipe, IsRebuiltFromTheMask) {
  // Expert 0 of layer 0, which the table removes.
  const auto n_first = stats_.domains[0].histograms[stats_.shape.at(0, 0, 0)];
  recipe_.passes = {WhitelistPass{{2.0, n_first}, {recipe_.profiles[0].digest}}};
  const auto built = value_of(build());
  EXPECT_GT(built.passes[0].log.swaps.size(), 0U);  // the passes go on from the table's mask
  const auto again = value_of(build_mask(profiles_, value_of(recipe_of(built.mask))));
  EXPECT_EQ(again.mask, built.mask);
  ProfileSet without;
  without.add("p.gguf", stats_);
  expect_error(build_mask(without, value_of(recipe_of(built.mask))), Code::kNotFound,
               "no score table given has the content xxh3:");
}

TEST_F(TableRecipe, RefusesATableOfAnotherModel) {
  table_.parent.digest = "xxh3:9";
  expect_error(build(), Code::kMismatch, "r.gguf");
  table_.parent = stats_.parent;
  table_.shape.layers[1] = LayerId{5};
  expect_error(build(), Code::kMismatch,
               "r.gguf: the score table has another shape (2 layers of 8 experts, 2 used vs ");
  table_.shape.layers = stats_.shape.layers;
  table_.shape.n_expert_used = 3;
  expect_error(build(), Code::kMismatch, "8 experts, 3 used vs ");
}

TEST(ScoreTableDigest, IsOfWhatDecidesAMask) {
  ScoreTable table;
  table.score = "recon";
  table.shape.layers = {LayerId{1}};
  table.scores = ExpertTable<double>(1, 4);
  const auto digest = content_digest(table);
  auto other = table;
  other.command_line = "another";
  EXPECT_EQ(content_digest(other), digest);
  other.scores.at(0, 2) = 1.0;
  EXPECT_NE(content_digest(other), digest);
  other = table;
  other.shape.layers[0] = LayerId{2};
  EXPECT_NE(content_digest(other), digest);
}

}  // namespace
}  // namespace coe
