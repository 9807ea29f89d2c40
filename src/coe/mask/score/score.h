// Saliency of experts from a routing profile: one pure function per formula. Source:
// docs/method.md, section 3, aggregation section 2.2.
#pragma once

#include "coe/base/result.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/ids.h"
#include "coe/profile/routing/accumulators.h"
#include "coe/profile/routing/stats.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

// Each has a row in score_rows(), which says what it is.
enum class Score { kUtil, kFreq, kRank, kEan, kMsan, kReap, kReapSum, kDecisive, kShare, kRandom };

// All that is known of a score: help, hints, errors and the table of docs/formats/keep-mask.md come
// from here. A new one is its enumerator, its row with its formula, its test, and its line in the
// documentation, which a test demands.
struct ScoreRow {
  Score score;
  std::string_view name;
  // From the accumulators of DomainStats: h is histograms[l,e,k], N the number of tokens, R the
  // experts used per token, k a rank.
  std::string_view formula;
  std::string_view help;  // what it measures, in a few words
  // The accumulator it reads beside histograms and counts, null when there is none.
  std::vector<double> DomainStats::* reads = nullptr;
  std::uint32_t min_used = 1;  // experts used per token without which it says nothing
  // The formula over one set of accumulators that has tokens; null for kRandom, which is drawn.
  ExpertTable<double> (*of_tokens)(const DomainStats& sums, const ExpertGrid& shape) = nullptr;
  // The same over by-sample sums; null where profiles do not keep what it needs.
  ExpertTable<double> (*of_samples)(const DomainStats& sums, const ExpertGrid& shape) = nullptr;

  Kept needs() const;  // in which profiles `reads` is
  // Whether such a profile has it. `domain` is any of its sub-domains.
  bool is_known_to(const DomainStats& domain) const {
    return is_kept(needs(), domain.has_outputs(), domain.has_squares());
  }
};

// In the order of the enumerators.
std::span<const ScoreRow> score_rows();
const ScoreRow& score_row(Score score);

inline std::string_view score_name(Score score) { return score_row(score).name; }
// "util (router weight that it gets), freq (…), … or random (…)".
std::string score_help();
// Errors: kInvalidArgument, with the closest name as hint.
Result<Score> score_from_name(std::string_view name);

// The table of kRandom: uniform in [0,1), drawn layer by layer in expert order.
ExpertTable<double> random_scores(std::size_t n_layer, std::size_t n_expert, std::uint64_t seed);

// A blend makes one table of sub-domains. kRandom looks at none of them. The roles of a chat's
// sub-domain (`web/prompt`, `web/answer`) are one sub-domain to it, their tokens added up.
enum class Blend {
  // Accumulators and N summed over sub-domains, then the formula: every token counts the same.
  kToken,
  // By-sample accumulators summed and divided by the number of samples S: every sample counts the
  // same. freq: sum_k freq_by_sample/S. util: sum_k freq_by_sample/S * weight_mean_by_sample/S.
  // The other scores have no by-sample accumulators.
  kSample,
  // The formula for each sub-domain, each row divided by its sum, then the weighted mean of rows:
  // every row of the result sums to 1.
  kSubdomain,
  // The formula for each sub-domain, each row divided by its sum, then the largest over
  // sub-domains: keeps an expert that any one of them needs. Knows no weights.
  kMax,
  // kSubdomain with the weights of maxmin_weights().
  kMaxMin,
};
// Whether sub-domains count by their weights.
inline bool is_weighted(Blend blend) {
  return blend == Blend::kSubdomain || blend == Blend::kMaxMin;
}
// "token", "sample", "subdomain", "max", "maxmin".
std::string_view blend_name(Blend blend);
// Errors: kInvalidArgument, with the closest name as hint.
Result<Blend> blend_from_name(std::string_view name);

struct ScoreOptions {
  Score score = Score::kUtil;
  Blend blend = Blend::kToken;
  // Sub-domains to use and their weights, instead of all with the profile's own weights. `web` also
  // names all roles of `web` together. Weight 0 leaves a sub-domain out. kToken, kSample and kMax,
  // which know no weights, take equal ones only.
  std::vector<std::pair<std::string, double>> weights;
  std::uint32_t n_keep = 0;  // kMaxMin only: K of the mask to be made
  std::uint64_t seed = 0;    // kRandom only
};

// Whether profiles keep the sums that the score needs under a blend. Errors: kInvalidArgument.
Status check_score_of(Score score, Blend blend);

// Shapes: result [n_layer, n_expert], higher keeps. Deterministic: sums run over sub-domains in the
// profile's order, then over ranks. `stats` must satisfy check_invariants. Errors:
// kInvalidArgument when the profile lacks what the score needs (expert outputs, tokens), for a
// sub-domain that is unknown or named twice, a weight that is negative or not finite, no weight
// left, a blend that the score or the weights do not go with, a row that cannot be normalised, and
// for kMaxMin a K that no mask can have.
Result<ExpertTable<double>> compute_score(const RoutingStats& stats, const ScoreOptions& options);

// The weights that a blend of sub-domains should have so that the top-K mask by it covers the worst
// served of them best; a sub-domain's coverage being the kept share of its own score, on the mean
// over layers. In the order of the profile; as with all weights, only their ratios count.
//
// Found by multiplicative weights: sub-domains that a mask covers less gain weight for the next.
// After t masks the weight of d is proportional to its weight in the plain blend (options.weights,
// else the profile's own) times exp(-sqrt(8 ln D / t) * sum of its coverages so far), D being the
// number of sub-domains. 500 masks are tried, the first that of the plain blend, and the weights
// whose mask has the highest worst coverage are kept, the earlier of equals: never worse than the
// plain blend. The average of the masks would be within sqrt(ln D / 1000) of the best that any
// mixture of masks can do (0.04 for 5); a single mask can fall short of that, for it cannot keep
// half an expert. Deterministic. Source: Freund & Schapire, "Adaptive game playing using
// multiplicative weights", Games and Economic Behavior 29 (1999), with the step size of
// Cesa-Bianchi & Lugosi, "Prediction, Learning, and Games" (2006), theorem 2.3.
Result<std::vector<std::pair<std::string, double>>> maxmin_weights(const RoutingStats& stats,
                                                                   const ScoreOptions& options);

// The weighted mean of tables, each row divided by its sum first: every row of the result sums to
// 1. Shapes: as many weights as tables, at least one; weights positive. `names` of the tables and
// `layers` of the rows are for messages. Errors: kInvalidArgument for a row whose sum is not
// positive.
Result<ExpertTable<double>> blend_scores(std::vector<ExpertTable<double>> tables,
                                         const std::vector<double>& weights,
                                         std::span<const std::string> names,
                                         std::span<const LayerId> layers);

}  // namespace coe
