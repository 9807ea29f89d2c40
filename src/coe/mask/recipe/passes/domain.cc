#include "coe/mask/recipe/passes/domain.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/weight.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/mask/score/choices.h"
#include "coe/mask/score/score.h"
#include "coe/model/moe/expert_grid.h"
#include "coe/model/moe/expert_table.h"
#include "coe/profile/routing/stats.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coe {

namespace {

PassJson table_json(const NamedTable& named) {
  const auto& table = *named.table;
  return {{"digest", named.digest},   {"score", table.score},       {"corpus", table.corpus_digest},
          {"n_token", table.n_token}, {"settings", table.settings}, {"engine", table.engine}};
}

PassJson weights_json(const std::vector<std::pair<std::string, double>>& weights) {
  PassJson json = PassJson::object();
  for (const auto& [name, weight] : weights) json[name] = weight;
  return json;
}

std::vector<std::pair<std::string, double>> read_weights(const PassJson& object) {
  std::vector<std::pair<std::string, double>> weights;
  for (const auto& [name, weight] : object.items())
    weights.emplace_back(name, weight.get<double>());
  return weights;
}

// With maxmin, the weights that are found stand in the options, and are told.
Result<ScoreOptions> found_weights(ScoreOptions options, const RoutingStats& stats,
                                   DomainUse& use) {
  if (options.blend != Blend::kMaxMin || options.score == Score::kRandom) return options;
  auto found = maxmin_weights(stats, options);
  if (!found) return tl::unexpected<Error>(std::move(found).error().context(use.profile->name));
  use.maxmin = *std::move(found);
  options.weights = use.maxmin;
  options.blend = Blend::kSubdomain;
  return options;
}

Result<RoutingStats> added_up(std::span<const DomainUse> used) {
  RoutingStats sum = *used.front().profile->stats;
  for (const auto& use : used.subspan(1))
    if (auto status = merge_into(sum, *use.profile->stats); !status)
      return tl::unexpected<Error>(std::move(status).error().context(use.profile->name));
  return sum;
}

Result<const ScoreTable*> given_table(const PassSources& sources, const std::string& digest) {
  const auto* found = sources.profiles().find_table(digest);
  if (found == nullptr)
    return fail(Code::kNotFound,
                fmt::format("no score table given has the content {} that the recipe names",
                            printable(digest)),
                "give the table that the mask was made from with --score-table");
  const auto& table = *found->table;
  if (auto status = check_same_model(sources.reference()->parent, table.parent, found->name);
      !status)
    return tl::unexpected<Error>(std::move(status).error());
  if (auto status = check_same_grid(sources.reference()->shape, table.shape, "the score table");
      !status)
    return tl::unexpected<Error>(std::move(status).error().context(found->name));
  return &table;
}

// Errors: kInvalidArgument where none is named, or some have a weight and others none.
Result<std::vector<DomainUse>> used_profiles(PassSources& sources, const MaskRecipe& recipe) {
  std::vector<DomainUse> used;
  std::size_t n_weighted = 0;
  for (const auto& item : recipe.profiles) {
    COE_TRY(const auto* profile, sources.resolve(item.digest));
    used.push_back({profile, item.weight, {}});
    if (item.weight != 0.0 && !is_weight(item.weight))
      return fail(Code::kInvalidArgument, fmt::format("{}: weight {} is neither 0 nor {}",
                                                      profile->name, item.weight, kWeightBounds));
    n_weighted += item.weight > 0.0 ? 1 : 0;
  }
  if (used.empty()) return fail(Code::kInvalidArgument, "the recipe names no profile to score by");
  if (n_weighted != 0 && n_weighted != used.size())
    return fail(Code::kInvalidArgument,
                fmt::format("{} of {} profiles have a weight", n_weighted, used.size()),
                "give every profile a weight to blend their scores, or none to add them up");
  return used;
}

}  // namespace

Result<DomainTables> domain_tables(PassSources& sources, const MaskRecipe& recipe) {
  DomainTables out;
  COE_TRY(out.used, used_profiles(sources, recipe));
  const auto& shape = sources.reference()->shape;
  const std::uint32_t n_used = shape.n_expert_used;
  COE_TRY_STATUS(check_keep_count(recipe.n_keep, shape.n_expert, n_used));

  std::optional<RoutingStats> sum;
  if (out.used.size() > 1 && out.used.front().weight == 0.0) {
    COE_TRY(sum, added_up(out.used));
  }
  std::vector<ExpertTable<double>> scores;
  std::vector<double> weights;
  std::vector<std::string> names;
  const std::size_t n_table = sum ? 1 : out.used.size();
  for (std::size_t i = 0; i < n_table; ++i) {
    auto& use = out.used[i];
    const auto& stats = sum ? *sum : *use.profile->stats;
    names.push_back(use.profile->name);
    weights.push_back(n_table > 1 ? use.weight : 1.0);
    COE_TRY(const auto options, found_weights(recipe.score, stats, use));
    auto score = compute_score(stats, options);
    if (!score) return tl::unexpected<Error>(std::move(score).error().context(names.back()));
    scores.push_back(*std::move(score));
    auto chosen = count_choices(stats, options);
    if (!chosen) return tl::unexpected<Error>(std::move(chosen).error().context(names.back()));
    out.choices.push_back(*std::move(chosen));
  }
  out.tables.name = names.front();
  out.tables.avg_rank = average_rank(out.choices, weights, n_used);
  if (n_table == 1) {
    out.tables.score = std::move(scores.front());
  } else {
    COE_TRY(out.tables.score, blend_scores(std::move(scores), weights, names, shape.layers));
  }
  if (!recipe.table.empty()) {
    COE_TRY(const auto* given, given_table(sources, recipe.table));
    out.measure = std::exchange(out.tables.score, given->scores);
  }
  return out;
}

PassJson domain_json(const MaskRecipe& recipe, const ProfileSet& profiles,
                     const std::vector<DomainUse>& used, const Coverage& coverage) {
  PassJson pass = {{"pass", kDomainPass},
                   {"score", score_name(recipe.score.score)},
                   {"aggregate", blend_name(recipe.score.blend)}};
  if (recipe.score.score == Score::kRandom) pass["seed"] = recipe.score.seed;
  if (!recipe.score.weights.empty()) pass["blend"] = weights_json(recipe.score.weights);
  if (!recipe.table.empty()) pass["table"] = table_json(*profiles.find_table(recipe.table));
  pass["profiles"] = PassJson::array();
  for (const auto& use : used) {
    auto profile = profile_json(*use.profile);
    if (use.weight > 0.0) profile["weight"] = use.weight;
    if (!use.maxmin.empty()) profile["maxmin"] = weights_json(use.maxmin);
    pass["profiles"].push_back(std::move(profile));
  }
  pass["coverage"] = coverage.mean;
  return pass;
}

Status read_domain(const PassJson& json, MaskRecipe& recipe) {
  COE_TRY(recipe.score.score, score_from_name(json.at("score").get<std::string>()));
  COE_TRY(recipe.score.blend, blend_from_name(json.at("aggregate").get<std::string>()));
  if (recipe.score.score == Score::kRandom) {
    COE_TRY(recipe.score.seed, read_whole(json, "seed", std::numeric_limits<std::uint64_t>::max()));
  }
  if (json.contains("table")) recipe.table = read_digest(json.at("table"));
  if (json.contains("blend")) recipe.score.weights = read_weights(json.at("blend"));
  for (const auto& profile : json.at("profiles"))
    recipe.profiles.push_back({read_digest(profile), profile.value("weight", 0.0)});
  return {};
}

}  // namespace coe
