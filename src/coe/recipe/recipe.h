// From a routing profile to a mask: which score, which passes, and the record of both that the mask
// carries. Apart from mask/ so that masks and surgery need no scoring. Source: method section 4;
// first light has pass 1.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/build.h"
#include "coe/mask/keep_mask.h"
#include "coe/routing/stats.h"
#include "coe/score/score.h"

#include <cstdint>

namespace coe {

struct MaskRecipe {
  ScoreOptions score;
  std::uint32_t n_keep = 0;
};

struct BuiltMask {
  KeepMask mask;
  Coverage coverage;  // of the recipe's score
};

// Refuses K below the experts used per token, or not below the number there are (kInvalidArgument):
// worth asking before long work.
Status check_keep_count(std::uint32_t n_keep, std::uint32_t n_expert, std::uint32_t n_expert_used);

// The same profile and recipe give the same mask, whatever order sub-domains came in. Errors: those
// of check_keep_count, compute_score and top_k_mask. `maxmin` looks for its weights with the
// recipe's K, and the mask's pass records them.
Result<BuiltMask> build_mask(const RoutingStats& stats, const MaskRecipe& asked);

}  // namespace coe
