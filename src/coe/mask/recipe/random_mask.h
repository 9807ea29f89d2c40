// A mask that nothing was measured for: the baseline that others must beat.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/model.h"

#include <cstdint>

namespace coe {

// Keeps the experts that `coe mask --score random --seed SEED` keeps. Errors: those of top_k_mask
// and check_keep_count.
Result<KeepMask> random_mask(const MoeModel& model, std::uint32_t n_keep, std::uint64_t seed);

}  // namespace coe
