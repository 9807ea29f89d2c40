// ExpertGrid: which experts tables are about. Profiles, score tables and what is worked out of them
// all have one, and two of them go together only if their grids are the same.
#pragma once

#include "coe/base/result.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"
#include "coe/model/moe/top_k.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// L MoE layers, E experts, R used per token (ranks, 0 = highest router weight).
struct ExpertGrid {
  std::vector<LayerId> layers;  // which block each of the L rows is, ascending
  std::uint32_t n_expert = 0;
  std::uint32_t n_expert_used = 0;
  std::uint32_t n_expert_group = 0;  // 0 or 1: no groups
  std::uint32_t n_chunk_expert = 1;  // consecutive experts that are kept or removed as one

  std::size_t n_layer() const { return layers.size(); }
  std::size_t n_ranked() const { return n_layer() * n_expert * n_expert_used; }  // size of [L,E,R]
  std::size_t n_flat() const { return n_layer() * n_expert; }                    // size of [L,E]
  std::size_t n_pair() const { return n_flat() * n_expert; }                     // size of [L,E,E]
  // Index into [L,E,R].
  std::size_t at(std::size_t layer, std::size_t expert, std::size_t rank) const {
    return (layer * n_expert + expert) * n_expert_used + rank;
  }
  KeepRule keep_rule(std::uint32_t n_keep) const {
    return {n_keep, n_expert_group, n_chunk_expert};
  }
  bool operator==(const ExpertGrid&) const = default;
};

// Its layers are those that ordinary decoding routes in.
ExpertGrid grid_of(const MoeModel& model);

// "30 layers of 128 experts, 8 used, in 4 groups".
std::string grid_text(const ExpertGrid& grid);

// Refuses (kMismatch) `found` unless it is `expected`, and says which layers one of them lacks.
// `what` has it: "the profile".
Status check_same_grid(const ExpertGrid& expected, const ExpertGrid& found, std::string_view what);

}  // namespace coe
