// Saliency of experts from a routing profile: one pure function per formula. Source: method
// section 3.
#pragma once

#include "coe/base/result.h"
#include "coe/moe/expert_table.h"
#include "coe/routing/stats.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

enum class Score { kUtil, kFreq, kRank, kEan, kReap, kReapSum, kDecisive, kShare, kRandom };

// "util", "freq", "rank", "ean", "reap", "reap_sum", "decisive", "share", "random".
std::string_view score_name(Score score);
Result<Score> score_from_name(
    std::string_view name);  // kInvalidArgument, with the closest name as hint

// How sub-domains become one table. Source: method section 2.2.
enum class Blend {
  kToken,      // accumulators summed: every token counts the same
  kSample,     // by-sample accumulators: every sample counts the same (util and freq only)
  kSubdomain,  // per-sub-domain scores, each divided by its layer's total, combined by weight
};
std::string_view blend_name(Blend blend);
Result<Blend> blend_from_name(std::string_view name);

struct ScoreOptions {
  Score score = Score::kUtil;
  Blend blend = Blend::kToken;
  // Replaces the profile's own sub-domain weights; an unknown name is kInvalidArgument. Empty: all,
  // own weights.
  std::vector<std::pair<std::string, double>> weights;
  std::uint64_t seed = 0;  // kRandom only
};

// Shapes: result [n_layer, n_expert], higher keeps. Errors: kInvalidArgument when the profile lacks
// what the score needs (expert outputs, a sub-domain, tokens).
Result<ExpertTable<double>> compute_score(const RoutingStats& stats, const ScoreOptions& options);

// avg_rank(l,e) = sum_k k*histograms / sum_k histograms over all sub-domains; R if never chosen.
ExpertTable<double> average_rank(const RoutingStats& stats);

}  // namespace coe
