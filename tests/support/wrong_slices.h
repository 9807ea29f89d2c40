// Sliced files that are wrong in ways which proofs must catch.
#pragma once

#include "coe/base/file.h"

#include <cstdint>

namespace coe::testing {

// Each copies `child` to `output` and damages one layer of the copy; a failure throws.
void swap_experts(const Path& child, std::uint32_t layer, const Path& output);
// Each router row becomes that of the next expert.
void shift_router_rows(const Path& child, std::uint32_t layer, const Path& output);
// The scales of the down projections are those of the parent's first experts.
void leave_scale_uncut(const Path& parent, const Path& child, std::uint32_t layer,
                       const Path& output);

}  // namespace coe::testing
