// A profile says something about masks and about K: how much of a score each mask covers, how much
// of it the best K experts of a layer would, and how evenly the layer routes. Source:
// docs/method.md, section 6.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/build.h"
#include "coe/mask/compare/overlap.h"
#include "coe/mask/score/score.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/ids.h"
#include "coe/profile/routing/stats.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace coe {

// Shares of a layer's score for which the smallest K is looked up.
inline constexpr std::array kCoverTargets = {0.80, 0.90, 0.95};

struct Tolerance {
  std::string name;             // the profile's
  std::vector<LayerId> layers;  // [L]
  std::vector<Coverage> masks;  // [M]
  // normalised_entropy of `util`, whatever the score: how evenly the layer's routing spreads.
  std::vector<double> entropy;  // [L]
  // The K that a mask of this model may have: 1 to E, or multiples of expert groups times chunk.
  std::vector<std::uint32_t> n_keeps;
  ExpertTable<double> curve;  // [L, n_keeps] coverage by the best K of the layer
  // [L] smallest of n_keeps by which the curve reaches each of kCoverTargets; 0 where it does not,
  // which is a layer without any score.
  std::vector<std::array<std::uint32_t, kCoverTargets.size()>> enough;
};

// `masks` may be none. Errors: those of compute_score; kMismatch, naming profile, mask and layers,
// for a mask of another parent, expert count or layers (the mask's MTP layers, of which no profile
// says anything, are left aside; they are those above the profile's last).
Result<Tolerance> tolerance_of(const std::string& name, const RoutingStats& stats,
                               const ScoreOptions& score, std::span<const NamedMask> masks);

}  // namespace coe
