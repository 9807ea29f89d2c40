#include "coe/engine_llama/graph_plan.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <system_error>

namespace coe {

std::optional<NodeName> parse_node_name(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  if (dash == std::string_view::npos || dash == 0 || dash + 1 == name.size()) return std::nullopt;
  NodeName node;
  node.base = name.substr(0, dash);
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + dash + 1, end, node.layer);
  if (error != std::errc() || rest != end) return std::nullopt;
  return node;
}

namespace {

// The last of `candidates` that exists: later ones are derived from earlier ones.
template <std::size_t n>
std::string last_present(const LayerCensus& layer,
                         const std::array<std::string_view, n>& candidates) {
  std::string found;
  for (const auto candidate : candidates) {
    if (layer.nodes.contains(candidate)) found = candidate;
  }
  return found;
}

// Where removing an expert amounts to pruning it. Selection bias and group limits come after the
// probabilities, and -inf stays -inf under both.
void plan_filter(const LayerCensus& layer, std::string_view architecture, LayerPlan& plan) {
  if (!layer.nodes.contains("ffn_moe_argsort")) {  // nothing is ranked
    plan.by_table = true;
    return;
  }
  if (architecture == "llama4") {
    plan.minus_inf = {"ffn_moe_logits"};  // it selects on the logits, not on ffn_moe_probs
    return;
  }
  switch (layer.probs_op) {
    case RouterOp::kSoftmax:
      plan.softmax_input = last_present(
          layer, std::array<std::string_view, 2>{"ffn_moe_logits", "ffn_moe_logits_biased"});
      plan.probs = "ffn_moe_probs";
      // It selects on a sigmoid of the logits and weighs by their softmax.
      if (architecture == "grovemoe") plan.minus_inf = {"ffn_moe_probs_biased"};
      return;
    case RouterOp::kSigmoid:
    case RouterOp::kSqrtSoftplus:
      plan.minus_inf = {layer.nodes.contains("ffn_moe_probs_biased") ? "ffn_moe_probs_biased"
                                                                     : "ffn_moe_probs"};
      return;
    case RouterOp::kNone:
      plan.minus_inf = {"ffn_moe_probs"};
      return;
  }
}

}  // namespace

Result<std::map<std::uint32_t, LayerPlan>> plan_layers(const Census& census,
                                                       std::string_view architecture) {
  std::map<std::uint32_t, LayerPlan> plans;
  for (const auto& [id, layer] : census) {
    if (!layer.nodes.contains("ffn_moe_topk")) continue;
    LayerPlan plan;
    plan.ids = "ffn_moe_topk";
    plan.weights = last_present(
        layer, std::array<std::string_view, 4>{"ffn_moe_weights", "ffn_moe_weights_softmax",
                                               "ffn_moe_weights_norm", "ffn_moe_weights_scaled"});
    if (plan.weights.empty())
      return fail(Code::kUnsupported,
                  fmt::format("layer {}: the engine's graph shows no router weights", id));
    plan.outputs =
        last_present(layer, std::array<std::string_view, 3>{"ffn_moe_down", "ffn_moe_down_scaled",
                                                            "ffn_moe_down_biased"});
    if (layer.nodes.contains("ffn_moe_out")) plan.moe_out = "ffn_moe_out";
    // Most graphs name the stream that enters the FFN `ffn_inp`. In gemma4 it is `attn_out`, which
    // elsewhere is the attention's output before the residual is added.
    if (layer.nodes.contains("ffn_inp"))
      plan.residual = "ffn_inp";
    else if (architecture == "gemma4" && layer.nodes.contains("attn_out"))
      plan.residual = "attn_out";
    plan_filter(layer, architecture, plan);
    plans.emplace(id, std::move(plan));
  }
  return plans;
}

}  // namespace coe
