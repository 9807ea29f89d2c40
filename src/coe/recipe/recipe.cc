#include "coe/recipe/recipe.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace coe {

namespace {

MaskPass describe_pass(const RoutingStats& stats, const MaskRecipe& recipe, Blend asked) {
  nlohmann::ordered_json pass = {{"pass", "domain"},
                                 {"score", score_name(recipe.score.score)},
                                 {"aggregate", blend_name(asked)}};
  if (recipe.score.score == Score::kRandom) pass["seed"] = recipe.score.seed;
  for (const auto& [name, weight] : recipe.score.weights) pass["blend"][name] = weight;
  auto& profile = pass["profile"];
  profile["corpus"] = stats.corpus_digest;
  profile["n_token"] = stats.n_tokens();
  profile["engine"] = stats.engine;
  for (const auto& domain : stats.domains) profile["domains"].push_back(domain.name);
  return {pass.dump()};
}

}  // namespace

Status check_keep_count(std::uint32_t n_keep, std::uint32_t n_expert, std::uint32_t n_expert_used) {
  const auto hint = fmt::format("choose K from {} to {}", n_expert_used, n_expert - 1);
  if (n_keep < n_expert_used)
    return fail(Code::kInvalidArgument,
                fmt::format("K = {} is below the {} experts used per token", n_keep, n_expert_used),
                hint);
  if (n_keep >= n_expert)
    return fail(Code::kInvalidArgument,
                fmt::format("K = {} leaves nothing to cut: the model has {} experts a layer",
                            n_keep, n_expert),
                hint);
  return {};
}

Result<BuiltMask> build_mask(const RoutingStats& stats, const MaskRecipe& asked) {
  COE_TRY_STATUS(check_keep_count(asked.n_keep, stats.shape.n_expert, stats.shape.n_expert_used));
  MaskRecipe recipe = asked;
  // The weights that are found become those of the recipe, so that the mask tells them.
  if (asked.score.blend == Blend::kMaxMin && asked.score.score != Score::kRandom) {
    recipe.score.n_keep = asked.n_keep;
    COE_TRY(recipe.score.weights, maxmin_weights(stats, recipe.score));
    recipe.score.blend = Blend::kSubdomain;
  }
  COE_TRY(const auto score, compute_score(stats, recipe.score));
  COE_TRY(auto mask, top_k_mask(score, stats.shape.layers, recipe.n_keep, stats.n_expert_group,
                                stats.n_chunk_expert));
  mask.parent = stats.parent;
  mask.passes.push_back(describe_pass(stats, recipe, asked.score.blend));
  auto covered = coverage(mask, score, stats.shape.layers);
  return BuiltMask{std::move(mask), std::move(covered)};
}

}  // namespace coe
