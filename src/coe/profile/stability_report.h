// The corpus-size report for people and programs: was the text enough, and which experts are in
// doubt.
#pragma once

#include "coe/profile/routing/stats.h"
#include "coe/profile/stability.h"

#include <cstdint>
#include <optional>
#include <string>

namespace coe {

// Tokens at the first point whose mean Jaccard index (`of_bound`: its lower bound) is at least
// `threshold`.
std::optional<std::int64_t> tokens_at(const StabilityReport& report, double threshold,
                                      bool of_bound);

// One line: "mask of 64 stable at 0.95 after 12345 tokens" or what is missing.
std::string stability_text(const StabilityReport& report);

// The whole report, schema "coe.stability/1"; `stats` is the profile it belongs to. Same inputs
// give the same text.
std::string stability_json(const StabilityReport& report, const RoutingStats& stats);

// One picture: the curve over tokens with its bound, the span of layers and the thresholds 0.95 and
// 0.99; below it for each layer the share of replicates that keep an expert, experts in order of
// that share: a sharp edge at K is a mask that is settled, a soft one is chance.
std::string stability_svg(const StabilityReport& report, const RoutingStats& stats);

}  // namespace coe
