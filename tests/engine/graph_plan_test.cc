#include "coe/engine/llama/graph_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

LayerCensus layer(const std::vector<std::string>& extra, RouterOp op) {
  LayerCensus census;
  for (const auto* name : {"ffn_moe_topk", "ffn_moe_weights", "ffn_moe_probs", "ffn_moe_argsort",
                           "ffn_moe_down", "ffn_moe_out", "ffn_moe_logits"})
    census.nodes[name];
  for (const auto& name : extra) census.nodes[name];
  census.probs_op = op;
  return census;
}

LayerPlan plan_one(const LayerCensus& census, std::string_view architecture) {
  const auto plans = plan_layers({{4, census}}, architecture);
  EXPECT_TRUE(plans);
  return plans->at(4);
}

TEST(ParseNodeName, TakesBaseAndLayer) {
  const auto node = parse_node_name("ffn_moe_topk-12");
  ASSERT_TRUE(node);
  EXPECT_EQ(node->base, "ffn_moe_topk");
  EXPECT_EQ(node->layer, 12U);
}

TEST(ParseNodeName, RefusesDerivedNames) {
  for (const auto* name : {"ffn_moe_probs-0 (reshaped)", "ffn_moe_gate-3 (view)", "ffn_moe_topk-",
                           "-3", "inp_scaled", "", "ffn_moe_topk-4294967296"})
    EXPECT_FALSE(parse_node_name(name)) << name;
}

TEST(PlanLayers, TakesTheLastOfDerivedNodes) {
  const auto gemma = plan_one(
      layer({"ffn_moe_weights_norm", "ffn_moe_down_scaled", "attn_out"}, RouterOp::kSoftmax),
      "gemma4");
  EXPECT_EQ(gemma.weights.node, "ffn_moe_weights_norm");
  EXPECT_EQ(gemma.outputs.node, "ffn_moe_down_scaled");
  EXPECT_EQ(gemma.residual.node, "attn_out");
  const auto scaled = plan_one(
      layer({"ffn_moe_weights_norm", "ffn_moe_weights_scaled", "ffn_moe_down_biased", "ffn_inp"},
            RouterOp::kSigmoid),
      "glm4moe");
  EXPECT_EQ(scaled.weights.node, "ffn_moe_weights_scaled");
  EXPECT_EQ(scaled.outputs.node, "ffn_moe_down_biased");
  EXPECT_EQ(scaled.residual.node, "ffn_inp");
}

TEST(PlanLayers, AttnOutIsTheResidualInGemma4Only) {
  EXPECT_THAT(plan_one(layer({"attn_out"}, RouterOp::kSoftmax), "llama").residual.node, IsEmpty());
}

// Where each router is filtered: facts section 2.5, with the exact softmax in place of -inf in its
// input.
TEST(PlanLayers, FiltersWhereEachRouterNeedsIt) {
  const auto qwen = plan_one(layer({}, RouterOp::kSoftmax), "qwen3moe");
  EXPECT_EQ(qwen.softmax_input, "ffn_moe_logits");
  EXPECT_EQ(qwen.probs, "ffn_moe_probs");
  EXPECT_THAT(qwen.minus_inf, IsEmpty());
  const auto biased_input = plan_one(layer({"ffn_moe_logits_biased"}, RouterOp::kSoftmax), "x");
  EXPECT_EQ(biased_input.softmax_input, "ffn_moe_logits_biased");
  EXPECT_THAT(plan_one(layer({"ffn_moe_probs_biased"}, RouterOp::kSigmoid), "glm4moe").minus_inf,
              ElementsAre("ffn_moe_probs_biased"));
  EXPECT_THAT(plan_one(layer({}, RouterOp::kSigmoid), "dots1").minus_inf,
              ElementsAre("ffn_moe_probs"));
  EXPECT_THAT(plan_one(layer({}, RouterOp::kNone), "gpt-oss").minus_inf,
              ElementsAre("ffn_moe_probs"));
  EXPECT_THAT(plan_one(layer({}, RouterOp::kSigmoid), "llama4").minus_inf,
              ElementsAre("ffn_moe_logits"));
}

TEST(PlanLayers, GrovemoeSelectsBySigmoidAndWeighsBySoftmax) {
  const auto grove = plan_one(layer({"ffn_moe_probs_biased"}, RouterOp::kSoftmax), "grovemoe");
  EXPECT_EQ(grove.softmax_input, "ffn_moe_logits");
  EXPECT_EQ(grove.probs, "ffn_moe_probs");
  EXPECT_THAT(grove.minus_inf, ElementsAre("ffn_moe_probs_biased"));
  // A bias of selection is added to what replaces the probabilities, and -inf stays -inf.
  EXPECT_THAT(
      plan_one(layer({"ffn_moe_probs_biased"}, RouterOp::kSoftmax), "ernie4_5-moe").minus_inf,
      IsEmpty());
}

// A layer as gemma4 computes it: attention, router, experts, sum; the residual is added last.
LayerCensus ordered_layer() {
  LayerCensus census;
  census.nodes = {
      {"attn_out", {1, 12}},       {"ffn_moe_logits", {2, 3}}, {"ffn_moe_probs", {3, 5}},
      {"ffn_moe_argsort", {4, 9}}, {"ffn_moe_topk", {4, 9}},   {"ffn_moe_weights", {5, 10}},
      {"ffn_moe_gate_up", {6, 7}}, {"ffn_moe_down", {8, 9}},   {"ffn_moe_down_scaled", {9, 10}},
      {"ffn_moe_out", {11, 12}}};
  census.expert_products = {"ffn_moe_gate_up", "ffn_moe_down"};
  census.probs_op = RouterOp::kSoftmax;
  return census;
}

TEST(PlanLayers, StopsOnceForTheRouterAndTwiceForOutputs) {
  const auto plan = plan_one(ordered_layer(), "gemma4");
  EXPECT_EQ(plan.ids.with_routing, "ffn_moe_gate_up");
  EXPECT_EQ(plan.weights.with_routing, "ffn_moe_gate_up");
  for (const auto& reading : {plan.ids, plan.weights, plan.outputs, plan.residual})
    EXPECT_EQ(reading.with_outputs, "ffn_moe_down_scaled") << reading.node;
  EXPECT_EQ(plan.moe_out.with_outputs, "ffn_moe_out");
}

TEST(PlanLayers, ReadsANodeAtOnceWhenItsMemoryMayBeReused) {
  auto census = ordered_layer();
  census.nodes["ffn_moe_topk"].last_use = 8;     // not needed any more when the outputs are ready
  census.nodes["attn_out"].last_use = 2;         // added before the experts
  census.nodes["ffn_moe_weights"].last_use = 5;  // weighs the experts' input, as in llama4
  const auto plan = plan_one(census, "gemma4");
  EXPECT_EQ(plan.weights.with_routing, "ffn_moe_weights");
  EXPECT_EQ(plan.ids.with_routing, "ffn_moe_weights");
  EXPECT_EQ(plan.weights.with_outputs, "ffn_moe_weights");
  EXPECT_EQ(plan.ids.with_outputs, "ffn_moe_weights");
  EXPECT_EQ(plan.residual.with_outputs, "attn_out");
}

TEST(PlanLayers, HashLayersCannotBeFiltered) {
  auto hash = layer({}, RouterOp::kSqrtSoftplus);
  hash.nodes.erase("ffn_moe_argsort");
  EXPECT_TRUE(plan_one(hash, "deepseek4").by_table);
  EXPECT_FALSE(plan_one(layer({}, RouterOp::kSqrtSoftplus), "deepseek4").by_table);
}

TEST(PlanLayers, SkipsDenseLayersAndRefusesHiddenWeights) {
  LayerCensus dense;
  dense.nodes = {{"ffn_out", {}}, {"attn_out", {}}};
  const auto none = plan_layers({{0, dense}}, "llama");
  ASSERT_TRUE(none);
  EXPECT_THAT(*none, IsEmpty());
  auto hidden = layer({}, RouterOp::kSoftmax);
  hidden.nodes.erase("ffn_moe_weights");
  const auto refused = plan_layers({{3, hidden}}, "llama");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
  EXPECT_THAT(refused.error().message, ::testing::HasSubstr("layer 3"));
}

}  // namespace
}  // namespace coe
