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

// A K is advised where it is known to keep enough: by the text that was measured, or where none
// was, by what the masks cover of the score.
struct SweepRule {
  double max_loss = 0.10;      // perplexity above the parent's, upper bound of its interval
  double min_coverage = 0.90;  // mean over layers
};

struct SweepAdvice {
  std::optional<std::uint32_t> n_keep;  // nullopt: none of the tried K keeps enough
  bool is_measured = false;             // by perplexity, else by coverage
};

// Of the points that keep enough the smallest with a fused kernel; without any the smallest. Either
// all points were measured or none.
SweepAdvice advise_count(std::span<const SweepPoint> points, const SweepRule& rule);

// One mask for each count; with `bench` all are measured on the same tokens. Errors: those of
// build_mask, naming K, and of measure_masks.
Result<std::vector<SweepPoint>> sweep_masks(const ProfileSet& profiles, const MaskRecipe& recipe,
                                            std::span<const std::uint32_t> counts,
                                            const Bench* bench, Observer& observer);

}  // namespace coe
