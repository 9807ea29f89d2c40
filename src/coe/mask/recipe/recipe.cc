#include "coe/mask/recipe/recipe.h"

#include "coe/base/json.h"
#include "coe/base/result.h"
#include "coe/mask/builder.h"
#include "coe/mask/recipe/passes/domain.h"
#include "coe/mask/recipe/sources.h"
#include "coe/model/moe/top_k.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <tuple>
#include <utility>
#include <variant>

namespace coe {

namespace {

// Without what has no meaning.
MaskRecipe canonical(MaskRecipe recipe) {
  recipe.score.n_keep = recipe.n_keep;
  std::ranges::sort(recipe.score.weights);
  std::ranges::sort(recipe.profiles, {},
                    [](const DomainProfile& p) { return std::tuple(p.digest, p.weight); });
  for (auto& pass : recipe.passes) std::visit([](auto& p) { p.sort(); }, pass);
  std::ranges::sort(recipe.passes, [](const Pass& a, const Pass& b) { return a < b; });
  return recipe;
}

// `recipe` is canonical.
Status check_repeats(const MaskRecipe& recipe) {
  for (std::size_t i = 1; i < recipe.passes.size(); ++i) {
    const auto& pass = recipe.passes[i];
    const bool repeats = std::visit([](const auto& p) { return p.kRepeats; }, pass);
    if (!repeats && pass.index() == recipe.passes[i - 1].index())
      return fail(Code::kInvalidArgument,
                  fmt::format("the recipe has pass `{}` twice", pass_name(pass)));
  }
  return {};
}

// Names of sub-domains may hold bytes that are no UTF-8.
MaskPass as_text(const PassJson& pass) { return {json_text(pass)}; }

// Does the pass, and writes down what it did.
Status run_pass(const Pass& pass, PassSources& sources, MaskBuilder& builder,
                std::vector<MaskPass>& texts, BuiltMask& built) {
  COE_TRY(auto result, std::visit([&](const auto& p) { return p.run(sources, builder); }, pass));
  const auto json = [&](const auto& p) { return p.json(sources.profiles(), result.log); };
  texts.push_back(as_text(std::visit(json, pass)));
  if (std::visit([](const auto& p) { return p.kSwaps; }, pass))
    built.passes.push_back(
        {pass, std::move(result.labels), std::move(result.lists), std::move(result.log)});
  return {};
}

// `recipe` is canonical.
Result<BuiltMask> build(const ProfileSet& profiles, const MaskRecipe& recipe) {
  COE_TRY_STATUS(check_repeats(recipe));
  PassSources sources(profiles, recipe.score.blend);
  COE_TRY(auto first, domain_tables(sources, recipe));
  BuiltMask built;
  for (const auto& use : first.used)
    built.domain += (built.domain.empty() ? "" : ", ") + profile_label(*use.profile->stats);
  const auto& parent = *sources.reference();
  const auto rule = parent.shape.keep_rule(recipe.n_keep);
  COE_TRY(auto builder, MaskBuilder::create(std::move(first.tables), parent.shape.layers, rule));
  if (first.measure) builder.measure_by(*std::move(first.measure));
  built.domain_coverage = builder.covered();
  std::vector<MaskPass> texts;
  texts.push_back(as_text(domain_json(recipe, profiles, first.used, built.domain_coverage)));
  for (const auto& pass : recipe.passes)
    COE_TRY_STATUS(run_pass(pass, sources, builder, texts, built));
  built.mask = builder.mask();
  built.mask.parent = parent.parent;
  built.mask.passes = std::move(texts);
  built.coverage = builder.covered();
  std::vector<const PassLog*> logs;
  logs.reserve(built.passes.size());
  for (const auto& pass : built.passes) logs.push_back(&pass.log);
  built.never_chosen = never_chosen(built.mask, parent.shape, first.choices, logs);
  return built;
}

}  // namespace

std::string pass_1_score(const ProfileSet& profiles, const MaskRecipe& recipe) {
  if (recipe.table.empty()) return std::string(score_name(recipe.score.score));
  return profiles.find_table(recipe.table)->table->score;
}

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

Result<BuiltMask> build_mask(const ProfileSet& profiles, const MaskRecipe& recipe) {
  return build(profiles, canonical(recipe));
}

Result<BuiltMask> build_mask(const RoutingStats& stats, const MaskRecipe& recipe) {
  ProfileSet profiles;
  const auto digest = profiles.add("the profile", stats);
  auto named = recipe;
  if (named.profiles.empty()) named.profiles.push_back({digest, 0.0});
  return build_mask(profiles, named);
}

}  // namespace coe
