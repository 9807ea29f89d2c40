// Lets validation text choose the score of pass 1: no score wins everywhere. Source:
// docs/method.md, section 8.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/stats/bootstrap.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/measure/eval/eval.h"
#include "coe/measure/tune/measure.h"

#include <cstddef>
#include <string>
#include <vector>

namespace coe {

struct ScoreTrial {
  std::string score;
  MaskRecipe recipe;
  BuiltMask built;
  DomainEval eval;        // of the validation text, against the parent
  Interval kl_to_chosen;  // of its KL to the chosen one's, paired over records
};

struct ScoreChoice {
  std::vector<ScoreTrial> trials;  // in the order they were given
  std::size_t chosen = 0;          // lowest KL, the first of equals
};

// Returns what `--score auto` tries: util, and where the profiles of pass 1 have expert outputs
// reap_sum and share; with `table` (a score table's digest, empty: none) also the recipe with that
// table, and the last of these scores for the other passes. Passes of the recipe that go by its
// score go by the candidate's.
std::vector<MaskRecipe> candidate_recipes(const ProfileSet& profiles, const MaskRecipe& recipe,
                                          const std::string& table);

// Text that the profiles have seen flatters the scores made from it: give other text. Errors: those
// of build_mask, naming the score, and of measure_masks.
Result<ScoreChoice> choose_score(const ProfileSet& profiles,
                                 const std::vector<MaskRecipe>& candidates, const Bench& bench,
                                 Observer& observer);

}  // namespace coe
