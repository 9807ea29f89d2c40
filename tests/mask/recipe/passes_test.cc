// Recipes of all passes: what they refuse, what they tell, and that they build the same again.

#include "coe/base/rng.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/recipe/aggregate.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/mask/score/choices.h"
#include "coe/profile/routing/stats.h"

#include "support/expect.h"
#include "support/tiny_stats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::expect_ok;
using ::coe::testing::random_stats;
using ::coe::testing::shape_of;
using ::coe::testing::value_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

class Recipe : public ::testing::Test {
 protected:
  Recipe() {
    add("web", {{"css", 0.2}, {"js", 0.8}}, 1);
    add("more", {{"html", 1.0}, {"js", 0.8}}, 2);
    add("cot", {{"q/answer", 1.0}, {"q/thinking", 1.0}}, 3);
    add("cold", {{"q/answer", 1.0}, {"q/thinking", 1.0}}, 4);
    stats_["cold"].router_temperature = 0.6;
    add("one", {{"a/closing", 1.0}, {"a/prompt", 1.0}}, 5);
    add("two", {{"b/closing", 1.0}}, 6);
    add("safety", {{"s", 1.0}}, 7);
  }

  void add(const std::string& name, const std::vector<std::pair<std::string, double>>& domains,
           std::uint64_t seed) {
    stats_[name] = random_stats(shape_of(4, 24, 4), domains, seed);
    coe::testing::shuffle_experts(stats_[name], name == "cold" ? 3 : seed);  // like "cot"
    stats_[name].corpus_digest = "xxh3:" + name;
  }
  std::string digest(const std::string& name) { return content_digest(stats_.at(name)); }
  // All of them, in an order of their own.
  ProfileSet profiles(std::uint64_t order = 0) {
    std::vector<std::string> names;
    for (const auto& [name, stats] : stats_) names.push_back(name);
    Rng rng(order);
    if (order > 0) rng.shuffle(std::span(names));
    ProfileSet set;
    for (const auto& name : names) set.add(name + ".gguf", stats_.at(name));
    return set;
  }
  MaskRecipe plain() {
    MaskRecipe recipe;
    recipe.n_keep = 12;
    recipe.profiles = {{digest("web"), 0.0}};
    return recipe;
  }
  MaskRecipe full() {
    auto recipe = plain();
    recipe.score.blend = Blend::kMaxMin;
    recipe.profiles = {{digest("web"), 3.0}, {digest("more"), 1.0}};
    recipe.passes = {
        ExemptPass{{{LayerId{2}, ExpertId{5}}, {LayerId{1}, ExpertId{7}}}},
        WhitelistPass{{1.5, 4}, {digest("cot"), digest("safety")}},
        CotPass{{{2, 1}, digest("cot"), {"*/thinking"}, Score::kShare, digest("cold")}},
        ClosurePass{{2, 0.5}, digest("one"), digest("two")},
        StructuralPass{2, {{LayerId{3}, ExpertId{20}}, {LayerId{0}, ExpertId{3}}}},
        ProtectPass{{{1, 0}, digest("safety"), {}, Score::kUtil, {}}},
        ProtectPass{{{2, 0}, digest("two"), {}, Score::kReapSum, {}}}};
    return recipe;
  }

  std::map<std::string, RoutingStats> stats_;
};

TEST_F(Recipe, AMaskRebuildsFromItsFileAlone) {
  const auto built = value_of(build_mask(profiles(), full()));
  const auto text = mask_to_json(built.mask, false);
  const auto read = value_of(parse_mask(text, "mask.json"));
  const auto again = value_of(build_mask(profiles(), value_of(recipe_of(read))));
  EXPECT_EQ(mask_to_json(again.mask, false), text);
  EXPECT_EQ(again.mask, built.mask);
  std::vector<std::string> kinds;
  for (const auto& pass : built.mask.passes)
    kinds.push_back(Json::parse(pass.json).at("pass").get<std::string>());
  EXPECT_THAT(kinds, ElementsAre("domain", "exempt", "whitelist", "cot", "closure", "structural",
                                 "protect", "protect"));
}

// Every aggregate, sums of profiles, seeds.
TEST_F(Recipe, EveryKindOfScoreRebuilds) {
  for (const Blend blend :
       {Blend::kToken, Blend::kSample, Blend::kSubdomain, Blend::kMax, Blend::kMaxMin}) {
    auto recipe = plain();
    recipe.score.blend = blend;
    recipe.profiles.push_back({digest("more"), 0.0});
    if (blend == Blend::kSubdomain) recipe.score.weights = {{"js", 0.3}, {"css", 0.7}};
    const auto mask = value_of(build_mask(profiles(), recipe)).mask;
    EXPECT_EQ(value_of(build_mask(profiles(), value_of(recipe_of(mask)))).mask, mask);
  }
  auto random = plain();
  random.score.score = Score::kRandom;
  random.score.seed = 0xfedcba9876543210;
  const auto mask = value_of(build_mask(profiles(), random)).mask;
  EXPECT_EQ(value_of(build_mask(profiles(), value_of(recipe_of(mask)))).mask, mask);
}

TEST_F(Recipe, EveryOrderGivesTheSameMask) {
  const auto text = mask_to_json(value_of(build_mask(profiles(), full())).mask, false);
  for (std::uint64_t order = 1; order <= 8; ++order) {
    auto recipe = full();
    Rng rng(order);
    rng.shuffle(std::span(recipe.profiles));
    rng.shuffle(std::span(std::get<ExemptPass>(recipe.passes[0]).experts));
    rng.shuffle(std::span(std::get<WhitelistPass>(recipe.passes[1]).profiles));
    auto& closure = std::get<ClosurePass>(recipe.passes[3]);
    if (order % 2 == 1) std::swap(closure.one, closure.two);
    rng.shuffle(std::span(recipe.passes));
    EXPECT_EQ(mask_to_json(value_of(build_mask(profiles(order), recipe)).mask, false), text);
  }
}

TEST_F(Recipe, SumsAndBlendsDoNotDependOnTheOrderOfProfiles) {
  for (const double weight : {0.0, 0.25}) {
    auto recipe = plain();
    recipe.profiles = {{digest("web"), weight}, {digest("more"), 3 * weight}};
    const auto mask = value_of(build_mask(profiles(), recipe)).mask;
    std::swap(recipe.profiles[0], recipe.profiles[1]);
    EXPECT_EQ(value_of(build_mask(profiles(1), recipe)).mask, mask);
  }
}

// A blend is the weighted mean of each profile's rows, normalised.
TEST_F(Recipe, BlendsProfilesByTheirOwnTables) {
  auto recipe = plain();
  recipe.profiles = {{digest("web"), 3.0}, {digest("more"), 1.0}};
  const auto built = value_of(build_mask(profiles(), recipe));
  const auto one = value_of(compute_score(stats_["web"], {}));
  const auto two = value_of(compute_score(stats_["more"], {}));
  for (std::size_t l = 0; l < 4; ++l) {
    double total_one = 0.0;
    double total_two = 0.0;
    for (std::size_t e = 0; e < 24; ++e) {
      total_one += one.at(l, e);
      total_two += two.at(l, e);
    }
    const auto blend = [&](std::size_t e) {
      return 0.75 * one.at(l, e) / total_one + 0.25 * two.at(l, e) / total_two;
    };
    double covered = 0.0;
    for (std::uint32_t e = 0; e < 24; ++e)
      if (built.mask.keeps(LayerId{static_cast<std::uint32_t>(l)}, ExpertId{e}))
        covered += blend(e);
    EXPECT_NEAR(built.coverage.layers[l], covered, 1e-12);
  }
}

// The tiers look at the sub-domains that the score looks at, and at no others.
TEST_F(Recipe, CountsTheScoredSubdomainsOnly) {
  auto recipe = plain();
  recipe.score.weights = {{"css", 1.0}};
  recipe.passes = {ProtectPass{{{12, 0}, digest("safety"), {}, Score::kUtil, {}}}};
  const auto built = value_of(build_mask(profiles(), recipe));
  ASSERT_FALSE(built.passes[0].log.swaps.empty());
  const auto ranks = average_rank(value_of(count_choices(stats_["web"], recipe.score)), 4);
  for (const auto& swap : built.passes[0].log.swaps)
    EXPECT_EQ(swap.out_avg_rank, ranks.at(swap.layer.value, swap.out.value));
}

// `web` has sub-domains with weights, `cot` has none.
TEST_F(Recipe, AggregateFollowsTheWeightsOfTheText) {
  const auto chosen = [&](const std::string& name, AggregateChoice choice) {
    auto recipe = plain();
    recipe.profiles = {{digest(name), 0.0}};
    expect_ok(choose_aggregate(profiles(), choice, recipe));
    return recipe.score;
  };
  EXPECT_EQ(chosen("web", {}).blend, Blend::kSubdomain);
  EXPECT_EQ(chosen("cot", {}).blend, Blend::kToken);
  EXPECT_EQ(chosen("safety", {}).blend, Blend::kToken);
  EXPECT_EQ(chosen("web", {Blend::kToken, {}, {}}).blend, Blend::kToken);
  EXPECT_EQ(chosen("cot", {{}, {{"q", 1.0}}, {}}).blend, Blend::kSubdomain);
  using Weights = std::vector<std::pair<std::string, double>>;
  EXPECT_EQ(chosen("web", {{}, {}, {"js"}}).weights, (Weights{{"js", 0.8}}));
  EXPECT_EQ(chosen("cot", {{}, {}, {"*/answer"}}).weights, (Weights{{"q/answer", 1.0}}));
}

TEST_F(Recipe, AggregateRefusesSubdomainsChosenTwice) {
  auto recipe = plain();
  expect_error(choose_aggregate(profiles(), {{}, {{"js", 1.0}}, {"css"}}, recipe),
               Code::kInvalidArgument, "chosen twice");
  expect_error(choose_aggregate(profiles(), {{}, {}, {"cs"}}, recipe), Code::kInvalidArgument,
               "has no sub-domain `cs`");
  recipe.profiles = {{"xxh3:none", 0.0}};
  expect_error(choose_aggregate(profiles(), {}, recipe), Code::kNotFound, "xxh3:none");
}

// By the card an expert that is chosen often enough and always second is guaranteed.
TEST_F(Recipe, WhitelistByTheCardCountsEveryChoice) {
  auto recipe = plain();
  recipe.passes = {WhitelistPass{{1.6, 10, false}, {digest("cot")}}};
  const auto by_code = value_of(build_mask(profiles(), recipe));
  recipe.passes = {WhitelistPass{{1.6, 10, true}, {digest("cot")}}};
  const auto by_card = value_of(build_mask(profiles(), recipe));
  EXPECT_GT(by_card.passes[0].log.n_listed, by_code.passes[0].log.n_listed);
  EXPECT_EQ(Json::parse(by_card.mask.passes[1].json).at("rule"), "card");
  const auto again = value_of(recipe_of(by_card.mask));
  EXPECT_EQ(value_of(build_mask(profiles(), again)).mask, by_card.mask);
}

TEST_F(Recipe, ReportsSwapsAndCoverageInTheMask) {
  const auto built = value_of(build_mask(profiles(), full()));
  const auto cot = Json::parse(built.mask.passes[3].json);
  ASSERT_EQ(cot.at("pass"), "cot");
  const auto& log = built.passes[1].log;
  ASSERT_FALSE(log.swaps.empty());
  EXPECT_EQ(cot.at("swaps").size(), log.swaps.size());
  EXPECT_EQ(cot.at("swaps").at(0).at("in"), log.swaps[0].in.value);
  EXPECT_EQ(cot.at("swaps").at(0).at("out_ordinal"), log.swaps[0].out_ordinal);
  EXPECT_EQ(cot.at("dropped").size(), log.dropped.size());
  EXPECT_EQ(cot.at("coverage_before"), built.passes[0].log.after.mean);
  EXPECT_EQ(cot.at("coverage"), log.after.mean);
  EXPECT_EQ(cot.at("t06").at("router_temperature"), 0.6);
  EXPECT_EQ(cot.at("profile").at("corpus"), "xxh3:cot");
  EXPECT_EQ(cot.at("profile").at("domains"), (Json{"q/answer", "q/thinking"}));
  EXPECT_EQ(built.coverage.mean, built.passes.back().log.after.mean);
}

TEST_F(Recipe, SelectsSubdomainsByNameAndRole) {
  const NamedProfile profile{"cot.gguf", "", &stats_["cot"]};
  EXPECT_THAT(value_of(select_domains(profile, {})), ElementsAre("q/answer", "q/thinking"));
  const std::vector<std::string> role = {"*/thinking"};
  EXPECT_THAT(value_of(select_domains(profile, role)), ElementsAre("q/thinking"));
  const std::vector<std::string> name = {"q/answer", "*/thinking"};
  EXPECT_THAT(value_of(select_domains(profile, name)), ElementsAre("q/answer", "q/thinking"));
  const std::vector<std::string> none = {"*/closing"};
  expect_error(select_domains(profile, none), Code::kInvalidArgument,
               "cot.gguf: has no sub-domain `*/closing`");
  const std::vector<std::string> typo = {"q/answr"};
  EXPECT_THAT(select_domains(profile, typo).error().hint, HasSubstr("did you mean `q/answer`"));
}

// --- refused

TEST_F(Recipe, NeedsEveryProfileItNames) {
  const auto recipe = full();
  stats_.erase("safety");
  expect_error(build_mask(profiles(), recipe), Code::kNotFound, "no profile given has the content");
}

TEST_F(Recipe, RefusesProfilesThatDoNotBelongTogether) {
  const auto refused = [&](const auto& change) {
    stats_["safety"] = random_stats(shape_of(4, 24, 4), {{"s", 1.0}}, 7);
    change(stats_["safety"]);
    auto recipe = plain();
    recipe.passes = {ProtectPass{{{1, 0}, digest("safety"), {}, Score::kUtil, {}}}};
    return build_mask(profiles(), recipe);
  };
  expect_error(refused([](RoutingStats& s) { s.parent.digest = "other"; }), Code::kMismatch,
               "safety.gguf: taken from another model");
  expect_error(refused([](RoutingStats& s) { s.shape.layers[3] = LayerId{9}; }), Code::kMismatch,
               "it lacks layer 3; only it has layer 9");
  expect_error(
      refused([](RoutingStats& s) { s = random_stats(shape_of(3, 24, 4), {{"s", 1.0}}, 7); }),
      Code::kMismatch, "it lacks layer 3");
  expect_error(
      refused([](RoutingStats& s) { s = random_stats(shape_of(4, 24, 2), {{"s", 1.0}}, 7); }),
      Code::kMismatch, "24 experts, 2 used vs 4 layers of 24 experts, 4 used");
  expect_error(refused([](RoutingStats& s) { s.shape.n_expert_group = 2; }), Code::kMismatch,
               "in 2 groups");
}

TEST_F(Recipe, RefusesATemperatureFilterOfTheSameTemperature) {
  auto recipe = plain();
  recipe.passes = {CotPass{{{}, digest("cot"), {}, Score::kUtil, digest("safety")}}};
  expect_error(build_mask(profiles(), recipe), Code::kMismatch,
               "safety.gguf: taken at the router temperature of cot.gguf (1)");
}

TEST_F(Recipe, ClosureNeedsTwoCorporaWithRoles) {
  auto recipe = plain();
  recipe.passes = {ClosurePass{{}, digest("one"), digest("one")}};
  expect_error(build_mask(profiles(), recipe), Code::kInvalidArgument, "two independent corpora");
  stats_["two"].corpus_digest = stats_["one"].corpus_digest;
  std::get<ClosurePass>(recipe.passes[0]).two = digest("two");
  expect_error(build_mask(profiles(), recipe), Code::kInvalidArgument, "two independent corpora");
  std::get<ClosurePass>(recipe.passes[0]).two = digest("web");
  expect_error(build_mask(profiles(), recipe), Code::kInvalidArgument,
               "web.gguf: has no sub-domain `*/closing`");
}

TEST_F(Recipe, RefusesMixedWeightsAndRandomPasses) {
  auto recipe = plain();
  recipe.profiles.push_back({digest("more"), 0.5});
  expect_error(build_mask(profiles(), recipe), Code::kInvalidArgument, "1 of 2 profiles");
  recipe = plain();
  recipe.profiles.front().weight = -1.0;
  expect_error(build_mask(profiles(), recipe), Code::kInvalidArgument, "weight -1");
  recipe = plain();
  recipe.profiles.clear();
  expect_error(build_mask(profiles(), recipe), Code::kInvalidArgument, "names no profile");
  recipe = plain();
  recipe.passes = {CotPass{{{}, digest("cot"), {}, Score::kRandom, {}}}};
  expect_error(build_mask(profiles(), recipe), Code::kInvalidArgument, "cot.gguf: a random score");
}

TEST_F(Recipe, RefusesAPassTwiceUnlessItRepeats) {
  auto recipe = plain();
  recipe.passes = {ProtectPass{{{1, 0}, digest("safety"), {}, Score::kUtil, {}}},
                   CotPass{{{1, 0}, digest("cot"), {}, Score::kUtil, {}}},
                   ProtectPass{{{1, 0}, digest("safety"), {}, Score::kUtil, {}}}};
  EXPECT_EQ(value_of(build_mask(profiles(), recipe)).passes.size(), 3U);
  recipe.passes.emplace_back(CotPass{{{2, 0}, digest("cot"), {}, Score::kUtil, {}}});
  expect_error(build_mask(profiles(), recipe), Code::kInvalidArgument, "pass `cot` twice");
}

// What is said of a swap in words.
TEST(PassWords, NameTheListAndTheReason) {
  MaskSwap swap;
  swap.in_ordinal = 3;
  swap.out_ordinal = 40;
  const auto words = [&](const Pass& pass) {
    const auto said = pass_words(pass, swap);
    return said.list + "|" + said.reason;
  };
  EXPECT_EQ(words(WhitelistPass{}), "|whitelisted");
  EXPECT_EQ(words(CotPass{}), "CoT|3 before 40");
  EXPECT_EQ(words(ClosurePass{}), "closing|fires in both closing windows");
  EXPECT_EQ(words(StructuralPass{}), "|on the structural list");
  EXPECT_EQ(words(ProtectPass{}), "|3 before 40");
  swap.out_ordinal = 3;
  EXPECT_EQ(words(ProtectPass{}), "|equal places, lower avg rank");
}

TEST_F(Recipe, NamesWhatsWrongInLists) {
  auto recipe = plain();
  recipe.passes = {StructuralPass{1, {{LayerId{4}, ExpertId{0}}}}};
  expect_error(build_mask(profiles(), recipe), Code::kInvalidArgument,
               "structural list: layer 4: the model has no experts there");
  recipe = plain();
  recipe.passes = {ExemptPass{{{LayerId{0}, ExpertId{24}}}}};
  expect_error(build_mask(profiles(), recipe), Code::kInvalidArgument,
               "exempt experts: layer 0: names expert 24");
  recipe = plain();
  recipe.passes = {WhitelistPass{{4.0, 0}, {digest("safety")}}};
  expect_error(build_mask(profiles(), recipe), Code::kInvalidArgument,
               "layer 0: the whitelist guarantees experts 0, 1");
}

TEST_F(Recipe, IsRefusedWhereItCannotBeRead) {
  auto mask = value_of(build_mask(profiles(), full())).mask;
  const auto passes = mask.passes;
  mask.passes.clear();
  expect_error(recipe_of(mask), Code::kInvalidArgument, "does not say how it was made");
  mask.passes = {{R"({"pass":"domain","score":"util","aggregate":"token","profile":{}})"}};
  expect_error(recipe_of(mask), Code::kInvalidArgument, "did not record its profiles");
  mask.passes = passes;
  mask.passes.push_back({R"({"pass":"magic"})"});
  expect_error(recipe_of(mask), Code::kUnsupported, "pass 9: pass `magic` is unknown");
  mask.passes = passes;
  mask.passes.push_back(passes[3]);
  expect_error(recipe_of(mask), Code::kCorrupt, "pass `cot` stands twice");
  for (std::size_t i = 0; i < passes.size(); ++i) {
    // Every key that decides, taken away or of another type.
    for (const auto* key : {"score", "aggregate", "profiles", "profile", "cap", "skip", "lift",
                            "max_avg_rank", "min_first", "experts"}) {
      auto pass = Json::parse(passes[i].json);
      if (!pass.contains(key)) continue;
      mask.passes = passes;
      pass[key] = true;
      mask.passes[i] = {pass.dump()};
      EXPECT_FALSE(recipe_of(mask).has_value()) << i << " " << key;
      pass.erase(key);
      mask.passes[i] = {pass.dump()};
      EXPECT_FALSE(recipe_of(mask).has_value()) << i << " " << key;
    }
  }
  auto cot = Json::parse(passes[3].json);
  cot["cap"] = -1;
  mask.passes = passes;
  mask.passes[3] = {cot.dump()};
  expect_error(recipe_of(mask), Code::kCorrupt, "pass 4: `cap` is no count");
}

// --- identity

TEST(ContentDigest, IsOfWhatAProfileSays) {
  const auto stats = random_stats(shape_of(2, 8, 2), {{"css", 1.0}, {"js", 1.0}}, 1);
  const auto digest = content_digest(stats);
  auto same = stats;
  same.command_line = same.engine = same.tool_version = same.settings = same.parent.name = "x";
  same.corpus_digest.clear();
  EXPECT_EQ(content_digest(same), digest);
  const auto differs = [&](const auto& change) {
    auto other = stats;
    change(other);
    return content_digest(other) != digest;
  };
  EXPECT_TRUE(differs([](RoutingStats& s) { s.parent.digest = "x"; }));
  EXPECT_TRUE(differs([](RoutingStats& s) { s.shape.layers[1] = LayerId{2}; }));
  EXPECT_TRUE(differs([](RoutingStats& s) { s.shape.n_expert_group = 2; }));
  EXPECT_TRUE(differs([](RoutingStats& s) { s.shape.n_chunk_expert = 2; }));
  EXPECT_TRUE(differs([](RoutingStats& s) { s.router_temperature = 0.6; }));
  EXPECT_TRUE(differs([](RoutingStats& s) { s.mask_digest = "xxh3:1"; }));
  EXPECT_TRUE(differs([](RoutingStats& s) { s.domains[0].name = "cs"; }));
  EXPECT_TRUE(differs([](RoutingStats& s) { s.domains[1].weight = 2.0; }));
  EXPECT_TRUE(differs([](RoutingStats& s) { s.domains[1].n_sample += 1; }));
  EXPECT_TRUE(differs([](RoutingStats& s) { s.domains[1].histograms.back() += 1; }));
  EXPECT_TRUE(differs([](RoutingStats& s) { s.domains[0].output_share[3] += 0.5; }));
  EXPECT_TRUE(differs([](RoutingStats& s) { s.domains.pop_back(); }));
}

}  // namespace
}  // namespace coe
