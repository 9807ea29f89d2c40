// Tiers and whitelists of masks look at how often each expert was chosen and at what rank.
// Source: docs/method.md, sections 2.2, 3 and 4.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/score/score.h"
#include "coe/model/moe/expert_table.h"
#include "coe/profile/routing/stats.h"

#include <cstdint>
#include <span>

namespace coe {

// How experts were chosen, over the sub-domains that a score with the same options looks at.
// Shapes: [n_layer, n_expert].
struct Choices {
  ExpertTable<std::int64_t> n_chosen;  // sum_k histograms
  ExpertTable<std::int64_t> n_first;   // histograms at rank 0
  // sum_k h and sum_k k*h of what the blend averages: h is `histograms` (kToken, kMax), or
  // `freq_by_sample` (kSample), or the weighted mean over sub-domains of histograms/n_token
  // (kSubdomain, kMaxMin). Whole numbers stay whole.
  ExpertTable<double> chosen;
  ExpertTable<double> ranks;
  double mass = 0.0;         // what `chosen` is to be divided by for a mean: N, or S, or 1
  std::int64_t n_token = 0;  // that chose
};

// kMaxMin takes the profile's own weights, or options.weights. Errors: those of compute_score that
// concern weights and missing tokens.
Result<Choices> count_choices(const RoutingStats& stats, const ScoreOptions& options);

// avg_rank(l,e) = sum_k k*h / sum_k h; R if never chosen.
ExpertTable<double> average_rank(const Choices& choices, std::uint32_t n_expert_used);
// The same of a blend of profiles: each one's h divided by its mass, times its weight. Shapes:
// choices and weights alike, at least one.
ExpertTable<double> average_rank(std::span<const Choices> choices, std::span<const double> weights,
                                 std::uint32_t n_expert_used);

}  // namespace coe
