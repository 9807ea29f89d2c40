// Tiers and whitelists of masks look at how often each expert was chosen and at what rank.
// Source: docs/method.md, sections 3 and 4.
#pragma once

#include "coe/model/moe/expert_table.h"
#include "coe/profile/routing/stats.h"

#include <cstdint>
#include <span>
#include <string>

namespace coe {

// Counts of choices, summed over the named sub-domains; unknown names count nothing.
// Shapes: [n_layer, n_expert].
struct ChoiceCounts {
  ExpertTable<std::int64_t> n_chosen;  // sum_k histograms
  ExpertTable<std::int64_t> n_first;   // histograms at rank 0
  ExpertTable<std::int64_t> rank_sum;  // sum_k k*histograms
  std::int64_t n_tokens = 0;
};
ChoiceCounts count_choices(const RoutingStats& stats, std::span<const std::string> domains);

// avg_rank(l,e) = sum_k k*histograms / sum_k histograms; R if never chosen.
ExpertTable<double> average_rank(const ChoiceCounts& counts, std::uint32_t n_expert_used);
// The same of a blend: histograms divided by the tokens of their profile, times its weight. Shapes:
// counts and weights alike, at least one; each profile has tokens.
ExpertTable<double> average_rank(std::span<const ChoiceCounts> counts,
                                 std::span<const double> weights, std::uint32_t n_expert_used);

}  // namespace coe
