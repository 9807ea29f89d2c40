#include "coe/measure/tune/choose.h"

#include "coe/mask/score/score.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace coe {

namespace {

// Outputs of every profile of pass 1.
bool has_outputs(const ProfileSet& profiles, const MaskRecipe& recipe) {
  return std::ranges::all_of(recipe.profiles, [&](const DomainProfile& use) {
    const auto* found = profiles.find(use.digest);
    return found != nullptr && !found->stats->domains.empty() &&
           found->stats->domains.front().has_outputs();
  });
}

// Passes that go by the domain's score go along.
MaskRecipe with_score(MaskRecipe recipe, Score score) {
  const auto old = std::exchange(recipe.score.score, score);
  recipe.table.clear();
  for (auto& pass : recipe.passes) follow_score(pass, old, score);
  return recipe;
}

}  // namespace

std::vector<MaskRecipe> candidate_recipes(const ProfileSet& profiles, const MaskRecipe& recipe,
                                          const std::string& table) {
  std::vector<Score> scores = {Score::kUtil};
  if (has_outputs(profiles, recipe)) scores.insert(scores.end(), {Score::kReapSum, Score::kShare});
  std::vector<MaskRecipe> candidates;
  candidates.reserve(scores.size() + 1);
  for (const auto score : scores) candidates.push_back(with_score(recipe, score));
  if (!table.empty()) {
    candidates.push_back(with_score(recipe, scores.back()));
    candidates.back().table = table;
  }
  return candidates;
}

Result<ScoreChoice> choose_score(const ProfileSet& profiles,
                                 const std::vector<MaskRecipe>& candidates, const Bench& bench,
                                 Observer& observer) {
  COE_CHECK(!candidates.empty());
  ScoreChoice choice;
  choice.trials.reserve(candidates.size());
  std::vector<const KeepMask*> masks;
  for (const auto& recipe : candidates) {
    ScoreTrial trial;
    trial.score = pass_1_score(profiles, recipe);
    trial.recipe = recipe;
    auto built = build_mask(profiles, recipe);
    if (!built)
      return tl::unexpected(std::move(built).error().context(fmt::format("score {}", trial.score)));
    trial.built = *std::move(built);
    choice.trials.push_back(std::move(trial));
    masks.push_back(&choice.trials.back().built.mask);
  }
  COE_TRY(auto sums, measure_masks(bench, masks, observer));
  for (std::size_t i = 0; i < sums.size(); ++i) {
    choice.trials[i].eval = std::move(sums[i]);
    if (choice.trials[i].eval.kl_mean() < choice.trials[choice.chosen].eval.kl_mean())
      choice.chosen = i;
  }
  const auto& best = choice.trials[choice.chosen].eval;
  for (auto& trial : choice.trials) trial.kl_to_chosen = kl_ratio(trial.eval, best);
  return choice;
}

}  // namespace coe
