// Strong types for the two indices that are easiest to swap.
#pragma once

#include <compare>
#include <cstdint>

namespace coe {

// A transformer block, `blk.N` in tensor names. Dense blocks have ids too, so MoE layers need not
// be 0, 1, 2, …
struct LayerId {
  std::uint32_t value = 0;
  auto operator<=>(const LayerId&) const = default;
};

// An expert of one layer. Expert 5 of layer 0 and expert 5 of layer 1 have nothing in common.
struct ExpertId {
  std::uint32_t value = 0;
  auto operator<=>(const ExpertId&) const = default;
};

}  // namespace coe
