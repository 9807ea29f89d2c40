// `coe mask` says this about the passes of a mask.
#pragma once

#include "coe/cli/render/document.h"
#include "coe/mask/recipe/recipe.h"

#include <string>

namespace coe::cli {

// A line a pass: swaps, and coverage before and after.
std::string pass_table(const BuiltMask& built);
// A line a swap, in words.
std::string swap_lines(const BuiltMask& built);
// The mask's passes without their swaps, and all swaps in one list, each with its pass.
Json passes_json(const BuiltMask& built);
Json swaps_json(const BuiltMask& built);

}  // namespace coe::cli
