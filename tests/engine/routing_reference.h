// A slow, straight reference of every accumulator of a routing profile (docs/method.md,
// section 2.1): from raw graph values and the file's own tensors it recomputes gating, selection,
// weights and norms in double. Shares no code with engine_llama, profile or routing. Each number
// carries a bound on how far the engine's single-precision arithmetic can be from it, so that
// tolerances are derived.
#pragma once

#include "engine/raw_graph.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace coe::testing {

// A number in double, and how far the engine's may be from it.
struct Approx {
  double value = 0.0;
  double error = 0.0;  // absolute, >= 0
};

enum class RuleGating { kSoftmax, kSigmoid, kSoftmaxOfChosen, kSqrtSoftplus };

// This writes down, from llama.cpp's model sources, what an architecture's router does.
struct RouterRule {
  RuleGating gating = RuleGating::kSoftmax;
  bool is_normalised = false;       // the chosen experts' weights are divided by their sum
  double scale = 1.0;               // and then multiplied by this
  bool selects_by_sigmoid = false;  // grovemoe: chooses by the logits' sigmoid, weighs by softmax
  std::uint32_t n_expert = 0;
  std::uint32_t n_used = 0;
  std::uint32_t n_group = 0;  // 0: no groups
  std::uint32_t n_group_used = 0;
};

// These are one block's tensors from the file, empty where it has none. The last index of a shape
// is the fastest.
struct RouterTensors {
  std::vector<float> logit_bias;          // [E]
  std::vector<float> selection_bias;      // [E]
  std::vector<float> output_scale;        // [E]
  std::vector<float> output_bias;         // [E][n_out]
  std::vector<float> down;                // [E][n_out][n_in], dequantised
  bool down_is_f32 = false;               // else the engine rounds what `down` multiplies, too
  std::vector<std::int32_t> token_table;  // [n_vocab][R]: hash-routed
};

RouterTensors read_router_tensors(const RawWeights& weights, std::uint32_t block);

// This is what the router does with one token.
struct TokenRouting {
  std::vector<std::uint32_t> ids;  // [R] by rank
  std::vector<Approx> weights;     // [R]
  std::size_t n_near_tie =
      0;  // ranks where rounding may decide, so that the engine's choice was taken
  std::size_t n_mismatch = 0;  // ranks where the engine chose what rounding does not explain
};

// `multiplied` [R] are the engine's experts: they decide ties within rounding, nothing else.
TokenRouting route_token(const RouterRule& rule, const RouterTensors& tensors,
                         std::span<const float> logits, std::int32_t token,
                         std::span<const std::int32_t> multiplied);

// The accumulators of one sub-domain. [L,E,R], [L,E], [L] as in docs/formats/routing-profile.md.
struct ReferenceDomain {
  std::int64_t n_token = 0;
  std::int64_t n_sample = 0;
  std::vector<std::int64_t> histograms;
  std::vector<std::int64_t> coactivation;  // [L,E,E]
  std::vector<Approx> weight_sum, freq_by_sample, weight_mean_by_sample, decisive;
  std::vector<Approx> output_norm, gated_norm, output_share, moe_ratio;
};

struct ReferenceTally {
  std::size_t n_choice = 0;
  std::size_t n_near_tie = 0;
  std::size_t n_mismatch = 0;
  std::size_t n_product = 0;   // output elements recomputed from the file's matrices
  double worst_product = 0.0;  // largest deviation from them, in units of its bound
};

class RoutingReference {
 public:
  // `temperature`: router weights enter the sums as w^(1/T), a token's scaled to their own sum.
  RoutingReference(RouterRule rule, std::map<std::uint32_t, RouterTensors> layers,
                   double temperature = 1.0);

  // A window as decoded: its tokens and what each batch of them gave.
  struct Window {
    std::vector<std::int32_t> tokens;
    std::vector<RawBatch> batches;
  };
  void add_sample(const std::string& domain, std::span<const Window> windows);

  const std::map<std::string, ReferenceDomain>& domains() const { return domains_; }
  const ReferenceTally& tally() const { return tally_; }

 private:
  struct Sample;
  ReferenceDomain& domain(const std::string& name);
  void add_token(const RouterTensors& tensors, const RawLayer& raw, std::size_t t,
                 std::int32_t token, std::size_t row, ReferenceDomain& domain, Sample& sample);
  std::vector<std::vector<Approx>> outputs(const RouterTensors& tensors, const RawLayer& raw,
                                           std::size_t t, const TokenRouting& routing);
  void check_products(const RouterTensors& tensors, const RawLayer& raw, std::size_t t,
                      std::size_t slot, std::uint32_t expert);

  RouterRule rule_;
  std::map<std::uint32_t, RouterTensors> layers_;
  double temperature_;
  std::map<std::string, ReferenceDomain> domains_;
  ReferenceTally tally_;
};

}  // namespace coe::testing
