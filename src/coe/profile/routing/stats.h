// RoutingStats: what a profile records, per sub-domain, additive over shards. Data and arithmetic
// only; file form in profile/routing/file.h (docs/formats/routing-profile.md), collection in
// profile/, formulas in score/.
#pragma once

#include "coe/base/result.h"
#include "coe/model/moe/expert_grid.h"
#include "coe/model/moe/model.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// Accumulators of one sub-domain. Source: docs/method.md, section 2.1. Names of the vectors are the
// file's tensor names.
struct DomainStats {
  std::string name;
  double weight = 1.0;  // of the sub-domain in a blend
  std::int64_t n_token = 0;
  std::int64_t n_sample = 0;
  std::vector<std::int64_t> histograms;  // [L,E,R] times expert e was chosen at rank k
  std::vector<double> weight_sum;        // [L,E,R] sum of its final router weight there
  std::vector<double> freq_by_sample;    // [L,E,R] sum over samples of histogram / n_tok
  // [L,E,R] sum over samples of weight_sum / max(histogram, 1)
  std::vector<double> weight_mean_by_sample;
  // [L,E,R] sum of (w_0 - w_{R-1}) * w_k. Negative where a selection bias ranks lower weights
  // first.
  std::vector<double> decisive;
  // Empty when the profile was taken without expert outputs:
  std::vector<double> output_norm;   // [L,E] sum of ||f_e(x)||_2 over the tokens routed to e
  std::vector<double> gated_norm;    // [L,E] sum of g_e * ||f_e(x)||_2
  std::vector<double> output_share;  // [L,E] sum over tokens of g_e||f_e|| / sum_k g_k||f_k||
  std::vector<double> moe_ratio;     // [L] sum over tokens of ||MoE output|| / ||residual stream||
  // [L,E] sum of ||f_e(x)||_2^2 over the tokens routed to e. Empty unless asked for.
  std::vector<double> output_square;

  // [L,E,E] sum over tokens of n_e * n_f, where n_e is how often the token chose expert e (0 or 1,
  // except where a table of tokens names an expert twice): both cells of a pair count it, and the
  // diagonal is how often the expert was chosen. Empty unless asked for: it is the largest of all.
  std::vector<std::int64_t> coactivation;

  static DomainStats zero(std::string name, double weight, const ExpertGrid& shape,
                          bool with_outputs, bool with_coactivation = false,
                          bool with_squares = false);
  // Adds every accumulator and count; name and weight stay. Both must have the same shape.
  void add(const DomainStats& other);
  bool has_outputs() const { return !output_norm.empty(); }
  bool has_squares() const { return !output_square.empty(); }
  bool has_coactivation() const { return !coactivation.empty(); }
};

struct RoutingStats {
  ModelId parent;
  ExpertGrid shape;
  // Router weights entered the sums as w^(1/T), scaled to the token's own sum of weights.
  double router_temperature = 1.0;
  // Identity of the mask under which the model ran (virtual surgery); empty: the model as it is.
  std::string mask_digest;
  std::vector<DomainStats> domains;  // sorted by name
  std::string tool_version;          // that wrote it
  std::string engine;                // engine and its version
  std::string corpus_digest;         // of the text profiled; empty after merging different ones
  std::string settings;              // what else decides the numbers; likewise
  std::string command_line;          // that made it

  std::int64_t n_token() const;
  std::int64_t n_sample() const;
  const DomainStats* find_domain(std::string_view name) const;
};

// Identity of what a profile says: XXH3-128 over parent, shape, temperature, mask, and every
// sub-domain with its weight, counts and accumulators. Where it came from (engine, corpus digest,
// settings, tool version, command line) is not part of it, nor the parent's name.
std::string content_digest(const RoutingStats& stats);

// Refuses (kMismatch) `other` unless both were taken from one model with equal layers, experts,
// experts used per token, groups and chunks: what it takes to compare their experts. Says which
// layers one of them lacks.
Status check_same_routing(const RoutingStats& stats, const RoutingStats& other);

// Adds `other` into `into`: same-named sub-domains are summed, new ones inserted. Both must satisfy
// check_invariants. Of engine, corpus digest and settings only what both agree on is kept, else
// they become empty; tool version and command line are those of `into`, for the caller to replace.
// Up to rounding of sums, the order of merging does not matter. Errors, which leave `into` as it
// was: kMismatch when parent, shape, expert groups, router temperature, mask, presence of expert
// outputs, their squares or coactivation, or the weight of a shared sub-domain differ.
Status merge_into(RoutingStats& into, const RoutingStats& other);

// Layers ascend, sub-domains ascend by name, every accumulator has the profile's shape; at every
// layer of every sub-domain the histograms of each rank sum to n_token (so over experts and ranks
// to n_token * R); sums are finite and, but for `decisive`, not negative; coactivation is
// symmetric and the row of an expert sums to R times how often it was chosen. Errors: kCorrupt,
// naming sub-domain and layer.
Status check_invariants(const RoutingStats& stats);

}  // namespace coe
