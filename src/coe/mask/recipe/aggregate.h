// How sub-domains of pass 1 count, as people say it.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/mask/score/score.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coe {

struct AggregateChoice {
  std::optional<Blend> blend;
  std::vector<std::pair<std::string, double>> weights;  // of sub-domains, instead of their own
  std::vector<std::string> domains;                     // only these; as select_domains takes them
};

// Fills in blend and weights of the recipe's score. What is left out follows from the profiles that
// pass 1 names, which must be among `profiles`: by sub-domain where weights are given here or to
// the text of a profile that has several sub-domains, else by token. Source: docs/method.md,
// section 2.2. Errors: kNotFound for a profile that is not there; kInvalidArgument for `weights`
// and `domains` together, and those of select_domains.
Status choose_aggregate(const ProfileSet& profiles, const AggregateChoice& choice,
                        MaskRecipe& recipe);

}  // namespace coe
