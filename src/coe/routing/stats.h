// RoutingStats: what a profile records, per sub-domain, additive over shards. Data and arithmetic
// only; file form in routing/file.h (docs/formats/routing-profile.md), collection in profile/,
// formulas in score/.
#pragma once

#include "coe/base/result.h"
#include "coe/moe/ids.h"
#include "coe/moe/model.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace coe {

// L MoE layers, E experts, R used per token (ranks, 0 = highest router weight).
struct RoutingShape {
  std::vector<LayerId> layers;  // which block each of the L rows is
  std::uint32_t n_expert = 0;
  std::uint32_t n_expert_used = 0;

  std::size_t n_layer() const { return layers.size(); }
  std::size_t n_ranked() const { return n_layer() * n_expert * n_expert_used; }  // size of [L,E,R]
  std::size_t n_flat() const { return n_layer() * n_expert; }                    // size of [L,E]
  // Index into [L,E,R].
  std::size_t at(std::size_t layer, std::size_t expert, std::size_t rank) const {
    return (layer * n_expert + expert) * n_expert_used + rank;
  }
  bool operator==(const RoutingShape&) const = default;
};

// Accumulators of one sub-domain. Source: method section 2.1. Names are the file's tensor names.
struct DomainStats {
  std::string name;
  double weight = 1.0;  // of the sub-domain in a blend
  std::int64_t n_tokens = 0;
  std::int64_t n_samples = 0;
  std::vector<std::int64_t> histograms;  // [L,E,R] times expert e was chosen at rank k
  std::vector<double> weight_sum;        // [L,E,R] sum of its final router weight there
  std::vector<double> freq_by_sample;    // [L,E,R] sum over samples of histogram / n_tok
  std::vector<double>
      weight_mean_by_sample;     // [L,E,R] sum over samples of weight_sum / max(histogram, 1)
  std::vector<double> decisive;  // [L,E,R] sum of (w_0 - w_{R-1}) * w_k
  // Empty when the profile was taken without expert outputs:
  std::vector<double> output_norm;   // [L,E] sum of ||f_e(x)||_2 over the tokens routed to e
  std::vector<double> gated_norm;    // [L,E] sum of g_e * ||f_e(x)||_2
  std::vector<double> output_share;  // [L,E] sum over tokens of g_e||f_e|| / sum_k g_k||f_k||
  std::vector<double> moe_ratio;     // [L] sum over tokens of ||MoE output|| / ||residual stream||

  static DomainStats zero(std::string name, double weight, const RoutingShape& shape,
                          bool with_outputs);
  bool has_outputs() const { return !output_norm.empty(); }
};

struct RoutingStats {
  ModelId parent;
  RoutingShape shape;
  std::vector<DomainStats> domains;  // sorted by name
  std::string tool_version;          // that wrote it
  std::string engine;                // engine and its version
  std::string command_line;          // that made it

  std::int64_t n_tokens() const;
  std::int64_t n_samples() const;
  const DomainStats* find_domain(std::string_view name) const;
};

// Adds `other` into `into`: same-named sub-domains are summed, new ones inserted. Errors: kMismatch
// when parent, shape, presence of expert outputs, or the weight of a shared sub-domain differ.
Status merge_into(RoutingStats& into, const RoutingStats& other);

// Sum over experts and ranks of histograms must be n_tokens * R at every layer of every sub-domain,
// counts and sums finite and not negative. Errors: kCorrupt, naming sub-domain and layer.
Status check_invariants(const RoutingStats& stats);

}  // namespace coe
