#include "coe/mask/recipe/aggregate.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/mask/recipe/profiles.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/mask/score/parts.h"
#include "coe/mask/score/score.h"
#include "coe/profile/routing/stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace coe {

namespace {

Result<std::vector<const NamedProfile*>> find_all(const ProfileSet& profiles,
                                                  const MaskRecipe& recipe) {
  std::vector<const NamedProfile*> found;
  for (const auto& item : recipe.profiles) {
    found.push_back(profiles.find(item.digest));
    if (found.back() == nullptr)
      return fail(Code::kNotFound,
                  fmt::format("no profile given has the content {} that the recipe names",
                              printable(item.digest)));
  }
  return found;
}

Blend blend_of(const AggregateChoice& choice, const std::vector<const NamedProfile*>& profiles) {
  if (choice.blend) return *choice.blend;
  if (!choice.weights.empty()) return Blend::kSubdomain;
  const auto weighted = [](const NamedProfile* profile) {
    return domain_names(*profile->stats).size() > 1 && has_weights(*profile->stats);
  };
  return std::ranges::any_of(profiles, weighted) ? Blend::kSubdomain : Blend::kToken;
}

}  // namespace

Status choose_aggregate(const ProfileSet& profiles, const AggregateChoice& choice,
                        MaskRecipe& recipe) {
  if (!choice.weights.empty() && !choice.domains.empty())
    return fail(Code::kInvalidArgument, "sub-domains are chosen twice: by name and by weight",
                "weights alone say which sub-domains count, and how much");
  COE_TRY(const auto found, find_all(profiles, recipe));
  auto& score = recipe.score;
  score.blend = blend_of(choice, found);
  score.weights = choice.weights;
  if (choice.domains.empty()) return {};
  for (const auto* profile : found) {
    COE_TRY(const auto names, select_domains(*profile, choice.domains));
    for (const auto& name : names) {
      const double weight =
          is_weighted(score.blend) ? profile->stats->find_domain(name)->weight : 1.0;
      const std::pair item(name, weight);
      if (std::ranges::find(score.weights, item) == score.weights.end())
        score.weights.push_back(item);
    }
  }
  return {};
}

}  // namespace coe
