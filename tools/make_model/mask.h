// Masks for synthetic models, where no profile exists to make one from.
#pragma once

#include "coe/base/result.h"

#include "make_model/shape.h"

#include <cstdint>
#include <string>

namespace coe::tools {

// A mask in the reference form, {"0": [ids], …}: `n_keep` experts of each layer with a router,
// drawn by `seed`. Errors: kInvalidArgument when n_keep is 0 or above what the model has.
Result<std::string> random_mask(const SyntheticModel& model, std::uint32_t n_keep,
                                std::uint64_t seed);

}  // namespace coe::tools
