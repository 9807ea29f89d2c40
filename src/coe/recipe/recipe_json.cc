#include "coe/recipe/recipe_json.h"

#include "coe/base/json.h"
#include "coe/base/result.h"
#include "coe/mask/pass.h"
#include "coe/moe/ids.h"
#include "coe/recipe/recipe.h"
#include "coe/score/score.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

// Names of sub-domains may hold bytes that are no UTF-8.
MaskPass as_pass(const Json& pass) { return {json_text(pass)}; }

// The digest decides; the rest tells people which profile that is.
Json profile_json(const NamedProfile& profile) {
  const auto& stats = *profile.stats;
  Json json = {{"digest", profile.digest},
               {"corpus", stats.corpus_digest},
               {"n_token", stats.n_tokens()},
               {"engine", stats.engine}};
  if (stats.router_temperature != 1.0) json["router_temperature"] = stats.router_temperature;
  if (!stats.mask_digest.empty()) json["mask"] = stats.mask_digest;
  json["domains"] = Json::array();
  for (const auto& domain : stats.domains) json["domains"].push_back(domain.name);
  return json;
}

Json profile_json(const ProfileSet& profiles, const std::string& digest) {
  return profile_json(*profiles.find(digest));
}

Json table_json(const NamedTable& named) {
  const auto& table = *named.table;
  return {{"digest", named.digest},        {"score", table.score},
          {"corpus", table.corpus_digest}, {"n_token", table.n_tokens},
          {"settings", table.settings},    {"engine", table.engine}};
}

Json weights_json(const std::vector<std::pair<std::string, double>>& weights) {
  Json json = Json::object();
  for (const auto& [name, weight] : weights) json[name] = weight;
  return json;
}

Json experts_json(const std::vector<LayerExpert>& experts) {
  Json json = Json::array();
  for (const auto& item : experts) json.push_back({item.layer.value, item.expert.value});
  return json;
}

Json swap_json(const MaskSwap& swap, bool with_profile) {
  Json json = {{"layer", swap.layer.value},
               {"in", swap.in.value},
               {"out", swap.out.value},
               {"in_ordinal", swap.in_ordinal},
               {"out_ordinal", swap.out_ordinal},
               {"in_avg_rank", swap.in_avg_rank},
               {"out_avg_rank", swap.out_avg_rank},
               {"in_tier", swap.in_tier},
               {"out_tier", swap.out_tier},
               {"in_score", swap.in_score},
               {"out_score", swap.out_score}};
  if (swap.in_ordinal == 0) json.erase("in_ordinal");
  if (with_profile) json["profile"] = swap.profile;
  return json;
}

Json swaps_json(const std::vector<MaskSwap>& swaps, bool with_profile = false) {
  Json json = Json::array();
  for (const auto& swap : swaps) json.push_back(swap_json(swap, with_profile));
  return json;
}

void add_coverage(Json& pass, const PassLog& log) {
  pass["coverage_before"] = log.before.mean;
  pass["coverage"] = log.after.mean;
}

Json arbitrage_json(const std::string& kind, const ArbitragePass& pass) {
  Json json = {{"pass", kind},
               {"score", score_name(pass.score)},
               {"cap", pass.rule.cap},
               {"skip", pass.rule.skip}};
  if (!pass.domains.empty()) json["domains"] = pass.domains;
  return json;
}

}  // namespace

MaskPass domain_pass(const MaskRecipe& recipe, const ProfileSet& profiles,
                     const std::vector<DomainUse>& used, const Coverage& coverage) {
  Json pass = {{"pass", "domain"},
               {"score", score_name(recipe.score.score)},
               {"aggregate", blend_name(recipe.score.blend)}};
  if (recipe.score.score == Score::kRandom) pass["seed"] = recipe.score.seed;
  if (!recipe.score.weights.empty()) pass["blend"] = weights_json(recipe.score.weights);
  if (!recipe.table.empty()) pass["table"] = table_json(*profiles.find_table(recipe.table));
  pass["profiles"] = Json::array();
  for (const auto& use : used) {
    auto profile = profile_json(*use.profile);
    if (use.weight > 0.0) profile["weight"] = use.weight;
    if (!use.maxmin.empty()) profile["maxmin"] = weights_json(use.maxmin);
    pass["profiles"].push_back(std::move(profile));
  }
  pass["coverage"] = coverage.mean;
  return as_pass(pass);
}

MaskPass exempt_pass(const MaskRecipe& recipe) {
  return as_pass({{"pass", "exempt"}, {"experts", experts_json(recipe.exempt)}});
}

MaskPass whitelist_pass(const WhitelistPass& asked, const ProfileSet& profiles,
                        const PassLog& log) {
  Json pass = {{"pass", "whitelist"},
               {"max_avg_rank", asked.rule.max_avg_rank},
               {"min_first", asked.rule.min_first},
               {"profiles", Json::array()}};
  for (const auto& digest : asked.profiles)
    pass["profiles"].push_back(profile_json(profiles, digest));
  pass["n_whitelisted"] = log.n_listed;
  add_coverage(pass, log);
  pass["swaps"] = swaps_json(log.swaps, /*with_profile=*/true);
  return as_pass(pass);
}

MaskPass arbitrage_pass(const std::string& kind, const ArbitragePass& asked,
                        const ProfileSet& profiles, const PassLog& log) {
  auto pass = arbitrage_json(kind, asked);
  pass["profile"] = profile_json(profiles, asked.profile);
  if (!asked.t06.empty()) pass["t06"] = profile_json(profiles, asked.t06);
  add_coverage(pass, log);
  pass["swaps"] = swaps_json(log.swaps);
  if (!asked.t06.empty()) pass["dropped"] = swaps_json(log.dropped);
  return as_pass(pass);
}

MaskPass closure_pass(const ClosurePass& asked, const ProfileSet& profiles, const PassLog& log) {
  Json pass = {{"pass", "closure"},
               {"cap", asked.rule.cap},
               {"lift", asked.rule.lift},
               {"profiles", {profile_json(profiles, asked.one), profile_json(profiles, asked.two)}},
               {"n_firing", log.n_listed},
               {"left_out", experts_json(log.left_out)}};
  add_coverage(pass, log);
  pass["swaps"] = swaps_json(log.swaps);
  return as_pass(pass);
}

MaskPass structural_pass(const StructuralPass& asked, const PassLog& log) {
  Json pass = {{"pass", "structural"},
               {"cap", asked.cap},
               {"experts", experts_json(asked.experts)},
               {"left_out", experts_json(log.left_out)}};
  add_coverage(pass, log);
  pass["swaps"] = swaps_json(log.swaps);
  return as_pass(pass);
}

}  // namespace coe
