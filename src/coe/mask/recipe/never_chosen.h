// Experts that a mask keeps though the text of its domain never chose them: nothing speaks for
// them.
#pragma once

#include "coe/mask/keep_mask.h"
#include "coe/mask/pass.h"
#include "coe/mask/score/choices.h"
#include "coe/model/moe/expert_grid.h"

#include <cstdint>
#include <span>
#include <vector>

namespace coe {

struct NeverChosen {
  std::vector<std::uint32_t> layers;  // kept experts that no token chose, by row
  std::int64_t n_token = 0;           // of the domain's profiles
};

// `choices` are those of the profiles of pass 1. Experts that a pass in `logs` brought in have
// their reason there and do not count; where chunks live together the whole chunk came in.
NeverChosen never_chosen(const KeepMask& mask, const ExpertGrid& shape,
                         std::span<const Choices> choices, std::span<const PassLog* const> logs);

}  // namespace coe
