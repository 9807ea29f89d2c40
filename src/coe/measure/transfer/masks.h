// The masks whose transfer is measured: a specialist for each sub-domain, and random ones to beat.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/recipe/profiles.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/model/moe/model.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace coe {

struct TransferMask {
  std::string name;     // the sub-domain it is for, or "random-1"
  bool random = false;  // a baseline: in no correlation
  KeepMask mask;
};

// For each sub-domain of the profiles, in the order of names, the mask that `recipe` makes of that
// sub-domain alone: its `profiles`, `n_keep` and sub-domain weights are set here. Profiles that all
// know a sub-domain are added up. Errors: those of build_mask.
Result<std::vector<TransferMask>> domain_masks(const ProfileSet& profiles, const MaskRecipe& recipe,
                                               std::uint32_t n_keep);

// random_mask under the name "random-SEED".
Result<TransferMask> random_transfer_mask(const MoeModel& model, std::uint32_t n_keep,
                                          std::uint64_t seed);

}  // namespace coe
