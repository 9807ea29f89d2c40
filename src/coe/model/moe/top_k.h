// This finds which experts of a layer rank highest. It is the one rule by which masks are made,
// wherever the scores come from.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coe {

struct KeepRule {
  std::uint32_t n_keep = 0;          // K
  std::uint32_t n_group = 1;         // equal runs of experts that keep K/n_group each; 0: one
  std::uint32_t n_chunk_expert = 1;  // consecutive experts that are kept or removed as one, >= 1
};

// Errors: kInvalidArgument when K is 0, above `n_expert` or no multiple of groups times chunk.
Status check_keep_rule(const KeepRule& rule, std::size_t n_expert);

// The K experts of highest score, in no particular order; ties go to the lower id, so the set is
// deterministic. Chunks rank by their summed score. Shape: scores [n_expert], all finite. The rule
// must have passed check_keep_rule.
std::vector<std::uint32_t> top_k(std::span<const double> scores, const KeepRule& rule);

}  // namespace coe
