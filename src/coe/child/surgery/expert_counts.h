// How many experts a child has of its parent's, and how many of them it uses.
#pragma once

#include "coe/mask/keep_mask.h"
#include "coe/model/moe/model.h"

#include <cstdint>

namespace coe {

struct ExpertCounts {
  std::uint32_t n_keep = 0;  // of each layer
  std::uint32_t n_expert = 0;
  std::uint32_t n_used = 0;  // experts a token, where they are fewer than the parent's; else 0
  std::uint32_t n_used_parent = 0;
};

// `n_used`: as SurgeryOptions has it.
inline ExpertCounts expert_counts(const KeepMask& mask, const MoeModel& model,
                                  std::uint32_t n_used) {
  return {mask.n_keep(), model.n_expert, n_used, model.n_expert_used};
}

}  // namespace coe
