// Which nodes of llama.cpp's compute graph say what a router did, and which to overwrite for
// virtual surgery. A census of one forward pass names the nodes that exist; from it the plan
// follows; three architectures whose graphs do otherwise are named in graph_plan.cc. Source of the
// node names: llama.cpp v0.5.0 src/llama-graph.cpp, build_moe_ffn.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// "ffn_moe_topk-12" is node `ffn_moe_topk` of layer 12. Derived names ("… (view)", "… (reshaped)")
// are none.
struct NodeName {
  std::string_view base;
  std::uint32_t layer = 0;
};
std::optional<NodeName> parse_node_name(std::string_view name);

enum class RouterOp { kSoftmax, kSigmoid, kSqrtSoftplus, kNone };

// A named node of a layer, by its place in the graph's order.
struct CensusNode {
  std::size_t at = 0;        // where it is computed
  std::size_t last_use = 0;  // the last node that reads it or a view of it; 0: none
};

// The census saw this of one layer.
struct LayerCensus {
  std::map<std::string, CensusNode, std::less<>> nodes;  // by base name, the first of each
  std::vector<std::string> expert_products;  // base names of products with chosen experts, in order
  RouterOp probs_op = RouterOp::kNone;  // how ffn_moe_probs was computed; kNone: it is the logits
  std::int64_t n_expert = 0;            // rows of the router's logits
  std::int64_t n_used = 0;              // rows of ffn_moe_topk
  std::int64_t n_token = 0;             // columns of ffn_moe_topk
  float least_sum = 0.0F;               // of ffn_moe_weights_sum_clamped
  float weights_scale = 1.0F;           // of ffn_moe_weights_scaled
};

// Final router weights follow by a rule from the raw ones (ffn_moe_weights) of the experts chosen:
// these steps, in this order.
struct WeightRule {
  bool softmax = false;     // over the chosen; the raw ones are logits then
  bool normalised = false;  // divided by their sum, or by least_sum where that is greater
  float least_sum = 0.0F;
  float scale = 1.0F;
};

// A node that says something of a layer's routing, and when to read it. Each stop of the graph
// costs a synchronisation and may break a fusion, so a node is read at a later stop for another
// one, as long as something after that stop still needs it: until then its memory is its own.
struct Reading {
  std::string node;            // base name; empty: the graph has none
  std::string with_routing{};  // the stop when only routing is observed
  std::string with_outputs{};  // the stop when expert outputs are, too
};

// Base names of the nodes to read and to overwrite in a layer; empty strings where there is none.
struct LayerPlan {
  Reading ids;        // [n_used, T] selected experts
  Reading weights;    // [1, n_used, T] or [n_used, T] final router weights
  Reading outputs;    // [n_embd, n_used, T] expert outputs before gating, scale and bias included
  Reading moe_out;    // [n_embd, T]
  Reading scores;     // [n_expert, T] by which experts are ranked; empty where a table chooses
  Reading merged;     // [n_embd, T] of all experts; moe_out, but where chunks are added to it
  Reading residual;   // [n_embd, T] residual stream entering the FFN
  Reading stream;     // the same, read where it is computed
  Reading block_out;  // [n_embd, T] residual stream behind the block
  // Virtual surgery. Where `probs` is set, it gets softmax over the kept of `softmax_input`, -inf
  // elsewhere: the bits that a sliced router gives (a softmax over all with -inf in its input sums
  // in another order, and one last bit in a router weight is enough to flip quantised activations
  // further on). The nodes of `minus_inf` get -inf for removed experts. All [n_expert, T]. With
  // `by_table` a table of tokens chooses, and its ids are rewritten.
  std::string softmax_input;
  std::string probs;
  std::vector<std::string> minus_inf;
  // grovemoe, else 0: experts of a chunk. Each layer runs a second time for the chunks, under the
  // same node names, and weighs chunk c by the probability of expert c, whichever expert was chosen
  // (so llama.cpp does it). A sliced file has chunks and experts of new numbers, so the second
  // time `probs` gets the new expert c's probability in the place of the chunk's old number.
  std::uint32_t experts_per_chunk = 0;
  bool by_table = false;
  // Fewer experts used: of those ranked behind, the raw weights become 0 in the first, so that
  // renormalisation leaves them out. Where the second is set, a softmax over the chosen gives it,
  // which becomes 0 for them and else the softmax over the others: the bits of a model that uses
  // fewer. Both are [1, n_used, T]. The first is empty where the graph does not name it.
  std::string raw_weights;
  std::string softmax_weights;
  // For candidates.
  WeightRule weight_rule;
  bool softmax_gating = false;  // raw weights are probabilities over all experts
  bool weighs_inputs = false;   // weights are applied before the experts, not after (llama4)
};

using Census = std::map<std::uint32_t, LayerCensus>;

// Errors: kUnsupported when a layer routes but its ids or weights have no node.
Result<std::map<std::uint32_t, LayerPlan>> plan_layers(const Census& census,
                                                       std::string_view architecture);

}  // namespace coe
