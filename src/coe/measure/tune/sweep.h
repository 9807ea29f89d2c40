// The same recipe at several K, so that K is chosen with open eyes.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/measure/eval/eval.h"
#include "coe/measure/tune/measure.h"
#include "coe/model/moe/expert_grid.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace coe {

struct SweepPoint {
  std::uint32_t n_keep = 0;
  BuiltMask built;
  std::optional<DomainEval> eval;  // against the parent, where there is one to run
};

// "32,48,64", "16-96/16" (both ends included) and shares as parse_keep reads them, together,
// ascending and each once. Errors: kInvalidArgument.
Result<std::vector<std::uint32_t>> parse_counts(std::string_view text, const ExpertGrid& grid);

// The count to start from: the smallest with a fused kernel whose mask covers 90 % of the score on
// the mean over layers; where none does, the largest with one; nullopt without any.
std::optional<std::uint32_t> suggested_count(std::span<const SweepPoint> points);

// One mask for each count; with `bench` all are measured on the same tokens. Errors: those of
// build_mask, naming K, and of measure_masks.
Result<std::vector<SweepPoint>> sweep_masks(const ProfileSet& profiles, const MaskRecipe& recipe,
                                            std::span<const std::uint32_t> counts,
                                            const Bench* bench, Observer& observer);

}  // namespace coe
