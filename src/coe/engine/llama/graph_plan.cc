#include "coe/engine/llama/graph_plan.h"

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

// This plans where removing an expert amounts to pruning it. Selection bias and group limits come
// after the probabilities, and -inf stays -inf under both.
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

// Says whether `node` still holds its values when the graph stops after `stop`.
bool readable_at(const LayerCensus& layer, std::string_view node, std::string_view stop) {
  const auto& wanted = layer.nodes.find(node)->second;
  const std::size_t at = layer.nodes.find(stop)->second.at;
  return wanted.at <= at && (wanted.at == at || wanted.last_use >= at);
}

void plan_stops(const LayerCensus& layer, LayerPlan& plan) {
  // The first product with the chosen experts comes right after the router, so that a fused router
  // kernel stays whole.
  std::string router_stop = plan.weights.node;
  for (const auto& product : layer.expert_products)
    if (readable_at(layer, plan.ids.node, product) &&
        readable_at(layer, plan.weights.node, product)) {
      router_stop = product;
      break;
    }
  const std::string& outputs = plan.outputs.node;
  for (Reading* reading :
       {&plan.ids, &plan.weights, &plan.outputs, &plan.moe_out, &plan.residual}) {
    if (reading->node.empty()) continue;
    const bool early = readable_at(layer, reading->node, router_stop);
    reading->with_routing = early ? router_stop : reading->node;
    const bool late = !outputs.empty() && readable_at(layer, reading->node, outputs);
    reading->with_outputs = late ? outputs : reading->node;
  }
  // Both are read where they are computed: the next node may overwrite them, or must see what is
  // written over them.
  for (Reading* reading : {&plan.scores, &plan.merged, &plan.stream, &plan.block_out})
    reading->with_routing = reading->with_outputs = reading->node;
  // The ids first: they tell the shape of the weights (llama4 uses up its weights early).
  if (plan.weights.with_outputs != outputs) plan.ids.with_outputs = plan.ids.with_routing;
}

void plan_weights(const LayerCensus& layer, LayerPlan& plan) {
  plan.weight_rule.softmax = layer.nodes.contains("ffn_moe_weights_softmax");
  plan.weight_rule.normalised = layer.nodes.contains("ffn_moe_weights_norm");
  plan.weight_rule.least_sum = layer.least_sum;
  plan.weight_rule.scale = layer.weights_scale;
  plan.softmax_gating = layer.probs_op == RouterOp::kSoftmax;
  const auto weighted = layer.nodes.find("ffn_moe_weighted");
  const auto outputs = layer.nodes.find(plan.outputs.node);
  plan.weighs_inputs = weighted != layer.nodes.end() && outputs != layer.nodes.end() &&
                       weighted->second.at < outputs->second.at;
}

}  // namespace

Result<std::map<std::uint32_t, LayerPlan>> plan_layers(const Census& census,
                                                       std::string_view architecture) {
  std::map<std::uint32_t, LayerPlan> plans;
  for (const auto& [id, layer] : census) {
    if (!layer.nodes.contains("ffn_moe_topk")) continue;
    LayerPlan plan;
    plan.ids.node = "ffn_moe_topk";
    plan.weights.node = last_present(
        layer, std::array<std::string_view, 4>{"ffn_moe_weights", "ffn_moe_weights_softmax",
                                               "ffn_moe_weights_norm", "ffn_moe_weights_scaled"});
    if (plan.weights.node.empty())
      return fail(Code::kUnsupported,
                  fmt::format("layer {}: the engine's graph shows no router weights", id));
    plan.outputs.node =
        last_present(layer, std::array<std::string_view, 3>{"ffn_moe_down", "ffn_moe_down_scaled",
                                                            "ffn_moe_down_biased"});
    for (auto* node : {&plan.raw_weights, &plan.softmax_weights}) {
      const std::string name =
          node == &plan.raw_weights ? "ffn_moe_weights" : "ffn_moe_weights_softmax";
      if (layer.nodes.contains(name)) *node = name;
    }
    if (layer.nodes.contains("ffn_moe_out")) plan.moe_out.node = "ffn_moe_out";
    // Most graphs name the stream that enters the FFN `ffn_inp`. In gemma4 it is `attn_out`, which
    // elsewhere is the attention's output before the residual is added.
    if (layer.nodes.contains("ffn_inp"))
      plan.residual.node = "ffn_inp";
    else if (architecture == "gemma4" && layer.nodes.contains("attn_out"))
      plan.residual.node = "attn_out";
    else if (layer.nodes.contains("attn_residual"))  // qwen3next, qwen35moe
      plan.residual.node = "attn_residual";
    plan.stream.node = plan.residual.node;
    if (layer.nodes.contains("l_out")) plan.block_out.node = "l_out";
    plan.merged.node =
        last_present(layer, std::array<std::string_view, 2>{"ffn_moe_out", "ffn_final_moe_out"});
    // It names its experts' sum a second time.
    if (architecture == "smallthinker" && plan.merged.node.empty() &&
        layer.nodes.contains("ffn_out"))
      plan.merged.node = "ffn_out";
    if (layer.nodes.contains("ffn_moe_argsort"))
      plan.scores.node = last_present(
          layer, std::array<std::string_view, 2>{"ffn_moe_probs", "ffn_moe_probs_biased"});
    plan_filter(layer, architecture, plan);
    plan_stops(layer, plan);
    plan_weights(layer, plan);
    plans.emplace(id, std::move(plan));
  }
  return plans;
}

}  // namespace coe
