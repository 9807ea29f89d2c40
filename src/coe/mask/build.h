// Masks from scores: pass 1 of the method, whose result the other passes (mask/builder.h)
// rearrange, and the coverage of any mask.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/expert_table.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace coe {

// Refuses (kInvalidArgument) a score that is not finite, naming layer and expert. `layers[i]` names
// row i.
Status check_scores(const ExpertTable<double>& score, const std::vector<LayerId>& layers);

// Pass 1: the top K of each layer by score; ties go to the lower expert id, so the mask is
// deterministic. Source: docs/method.md, section 4, pass 1. `layers[i]` names row i of `score`;
// with n_group > 1 each of the n_group equal runs of experts keeps K/n_group, with n_chunk_expert >
// 1 each run of so many experts is kept or removed as one, by its summed score. Errors:
// kInvalidArgument when K is 0, above n_expert or no multiple of n_group or n_chunk_expert, or when
// a score is not finite.
Result<KeepMask> top_k_mask(const ExpertTable<double>& score, const std::vector<LayerId>& layers,
                            std::uint32_t n_keep, std::uint32_t n_group,
                            std::uint32_t n_chunk_expert = 1);

// Kept score / total score, per row and over all (0 where a row's total is not positive). Shapes:
// [n_layer]. A layer that the mask lacks has coverage 0.
struct Coverage {
  std::vector<double> layers;
  double mean = 0.0;  // of the rows
};
Coverage coverage(const KeepMask& mask, const ExpertTable<double>& score,
                  const std::vector<LayerId>& layers);
// The same of what `keeps(row, expert)` says is kept.
Coverage coverage(const ExpertTable<double>& score,
                  const std::function<bool(std::size_t, std::uint32_t)>& keeps);

}  // namespace coe
