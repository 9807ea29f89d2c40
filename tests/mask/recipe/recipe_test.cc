#include "coe/mask/recipe/recipe.h"

#include "support/tiny_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

// One layer, four experts, two used. Token one: experts 3 (0.75) and 1; token two: 3 (0.5) and 2.
RoutingStats worked_stats() {
  RoutingStats stats;
  stats.parent = {"m", "a", "d"};
  stats.corpus_digest = "xxh3:text";
  stats.engine = "worked by hand";
  stats.shape = coe::testing::shape_of(1, 4, 2);
  stats.domains.push_back(DomainStats::zero("web", 1.0, stats.shape, true));
  coe::testing::add_sample(stats.domains[0], stats.shape,
                           {{{{3, 0.75}, {1, 0.25}}, {{3, 0.5}, {2, 0.5}}}});
  stats.domains[0].n_token = 2;
  stats.domains[0].n_sample = 1;
  return stats;
}

MaskRecipe keep(std::uint32_t n) {
  MaskRecipe recipe;
  recipe.n_keep = n;
  return recipe;
}

// util: expert 3 = 2/2 * 1.25/2 = 0.625, 2 = 1/2 * 0.5 = 0.25, 1 = 1/2 * 0.25 = 0.125; two kept
// cover 0.875 of 1.
TEST(BuildMask, KeepsTheTopKAndSaysHow) {
  const auto built = build_mask(worked_stats(), keep(2));
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_THAT(built->mask.layers().at(LayerId{0}).ids(), ElementsAre(ExpertId{2}, ExpertId{3}));
  EXPECT_DOUBLE_EQ(built->coverage.mean, 0.875);
  EXPECT_EQ(built->mask.parent.digest, "d");
  ASSERT_EQ(built->mask.passes.size(), 1U);
  const auto pass = Json::parse(built->mask.passes[0].json);
  EXPECT_EQ(pass.at("pass"), "domain");
  EXPECT_EQ(pass.at("score"), "util");
  const auto& profile = pass.at("profiles").at(0);
  EXPECT_EQ(profile.at("digest"), content_digest(worked_stats()));
  EXPECT_EQ(profile.at("corpus"), "xxh3:text");
  EXPECT_EQ(profile.at("n_token"), 2);
  EXPECT_EQ(profile.at("domains"), Json{"web"});
  EXPECT_EQ(pass.at("coverage"), 0.875);
}

// Expert 0 is never chosen, the others are.
TEST(BuildMask, CountsWhatItKeepsThoughNoTokenChoseIt) {
  const auto three = build_mask(worked_stats(), keep(3));
  ASSERT_TRUE(three) << three.error().message;
  EXPECT_THAT(three->never_chosen.layers, ElementsAre(0U));
  EXPECT_EQ(three->never_chosen.n_token, 2);
  auto stats = worked_stats();
  stats.domains[0] = DomainStats::zero("web", 1.0, stats.shape, true);
  coe::testing::add_sample(stats.domains[0], stats.shape, {{{{3, 0.75}, {1, 0.25}}}});
  stats.domains[0].n_token = 1;
  stats.domains[0].n_sample = 1;
  const auto wanting = build_mask(stats, keep(3));
  ASSERT_TRUE(wanting) << wanting.error().message;
  EXPECT_THAT(wanting->never_chosen.layers, ElementsAre(1U));
  EXPECT_EQ(wanting->never_chosen.n_token, 1);
}

// What a pass brings in has its reason there, with all of its chunk.
TEST(NeverChosen, LeavesOutWhatPassesBroughtIn) {
  auto shape = coe::testing::shape_of(1, 6, 1);
  const auto mask =
      KeepMask::create(6, {{LayerId{0}, {ExpertId{1}, ExpertId{2}, ExpertId{3}, ExpertId{5}}}});
  ASSERT_TRUE(mask);
  Choices choices;
  choices.n_chosen = {1, 6};
  choices.n_chosen.at(0, 1) = 7;
  choices.n_token = 7;
  const std::vector<Choices> one = {choices};
  EXPECT_THAT(never_chosen(*mask, shape, one, {}).layers, ElementsAre(3U));
  PassLog log;
  log.swaps.push_back({.layer = LayerId{0}, .in = ExpertId{2}, .out = ExpertId{0}});
  const std::vector<const PassLog*> logs = {&log};
  EXPECT_THAT(never_chosen(*mask, shape, one, logs).layers, ElementsAre(2U));
  shape.n_chunk_expert = 2;
  EXPECT_THAT(never_chosen(*mask, shape, one, logs).layers, ElementsAre(1U));
  const std::vector<Choices> two = {choices, choices};
  EXPECT_EQ(never_chosen(*mask, shape, two, {}).n_token, 14);
}

TEST(BuildMask, IsTheSameTwice_AndRandomFollowsItsSeed) {
  const auto stats = worked_stats();
  EXPECT_EQ(build_mask(stats, keep(3))->mask, build_mask(stats, keep(3))->mask);
  auto recipe = keep(2);
  recipe.score.score = Score::kRandom;
  recipe.score.seed = 5;
  const auto once = build_mask(stats, recipe);
  ASSERT_TRUE(once);
  EXPECT_EQ(once->mask, build_mask(stats, recipe)->mask);
  EXPECT_EQ(Json::parse(once->mask.passes[0].json).at("seed"), 5);
}

// The weights that maxmin finds stand in the mask, and give the same mask again.
TEST(BuildMask, RecordsTheWeightsThatMaxMinFinds) {
  const auto stats =
      coe::testing::random_stats(coe::testing::shape_of(2, 8, 2), {{"css", 0.9}, {"js", 0.1}}, 4);
  auto recipe = keep(3);
  recipe.score.blend = Blend::kMaxMin;
  const auto built = build_mask(stats, recipe);
  ASSERT_TRUE(built) << built.error().message;
  const auto pass = Json::parse(built->mask.passes[0].json);
  EXPECT_EQ(pass.at("aggregate"), "maxmin");
  auto again = keep(3);
  again.score.blend = Blend::kSubdomain;
  for (const auto& [name, weight] : pass.at("profiles").at(0).at("maxmin").items())
    again.score.weights.emplace_back(name, weight.get<double>());
  ASSERT_EQ(again.score.weights.size(), 2U);
  EXPECT_EQ(build_mask(stats, again)->mask.layers(), built->mask.layers());
}

TEST(BuildMask, RefusesImpossibleK) {
  for (const auto k : {0U, 1U, 4U, 5U}) {
    const auto refused = build_mask(worked_stats(), keep(k));
    ASSERT_FALSE(refused) << k;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_THAT(refused.error().hint, HasSubstr("from 2 to 3"));
  }
  EXPECT_TRUE(check_keep_count(2, 4, 2));
  EXPECT_TRUE(check_keep_count(3, 4, 2));
}

}  // namespace
}  // namespace coe
