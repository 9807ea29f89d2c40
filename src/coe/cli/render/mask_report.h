// Renders what `coe mask` says of a mask that it built.
#pragma once

#include "coe/base/file.h"
#include "coe/cli/render/document.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/measure/tune/choose.h"
#include "coe/model/moe/ids.h"

#include <optional>
#include <string>
#include <vector>

namespace coe::cli {

// A mask that was built as the recipe in a file says.
struct RebuiltMask {
  Path recipe;
  bool identical = false;          // to the mask in that file, with all that it records
  std::vector<LayerId> differing;  // these layers keep other experts
};

struct MaskOutput {
  const BuiltMask& built;
  Path file;
  std::string pass_1_score;
  std::string coverage_score;
  const ScoreChoice* choice = nullptr;  // with --score auto
  std::optional<RebuiltMask> rebuilt;   // with --recipe
};
// Lists the mask's passes without their swaps, and all swaps in one list, each with its pass.
Json mask_json(const MaskOutput& output);
// A line a pass: swaps, and coverage before and after. `with_swaps`: also a line a swap, in words.
std::string mask_text(const MaskOutput& output, bool with_swaps);

// A line a pass, the first one too: swaps, and coverage before and after.
std::string pass_table(const BuiltMask& built);
// A warning where experts are kept that the profile never saw, with the layers of fewest and most;
// empty where none are.
std::string never_chosen_text(const BuiltMask& built);
Json never_chosen_json(const BuiltMask& built);

// The passes as the mask's file tells them, with `n_swap` for their swaps.
Json passes_json(const BuiltMask& built);

}  // namespace coe::cli
