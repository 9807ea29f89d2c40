#include "coe/engine_llama/graph_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coe {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

LayerCensus layer(std::set<std::string, std::less<>> extra, RouterOp op) {
  LayerCensus census;
  census.nodes = {"ffn_moe_topk", "ffn_moe_weights", "ffn_moe_probs", "ffn_moe_argsort",
                  "ffn_moe_down", "ffn_moe_out",     "ffn_moe_logits"};
  census.nodes.merge(extra);
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
  EXPECT_EQ(gemma.weights, "ffn_moe_weights_norm");
  EXPECT_EQ(gemma.outputs, "ffn_moe_down_scaled");
  EXPECT_EQ(gemma.residual, "attn_out");
  const auto scaled = plan_one(
      layer({"ffn_moe_weights_norm", "ffn_moe_weights_scaled", "ffn_moe_down_biased", "ffn_inp"},
            RouterOp::kSigmoid),
      "glm4moe");
  EXPECT_EQ(scaled.weights, "ffn_moe_weights_scaled");
  EXPECT_EQ(scaled.outputs, "ffn_moe_down_biased");
  EXPECT_EQ(scaled.residual, "ffn_inp");
}

TEST(PlanLayers, AttnOutIsTheResidualInGemma4Only) {
  EXPECT_THAT(plan_one(layer({"attn_out"}, RouterOp::kSoftmax), "llama").residual, IsEmpty());
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

TEST(PlanLayers, HashLayersCannotBeFiltered) {
  auto hash = layer({}, RouterOp::kSqrtSoftplus);
  hash.nodes.erase("ffn_moe_argsort");
  EXPECT_TRUE(plan_one(hash, "deepseek4").by_table);
  EXPECT_FALSE(plan_one(layer({}, RouterOp::kSqrtSoftplus), "deepseek4").by_table);
}

TEST(PlanLayers, SkipsDenseLayersAndRefusesHiddenWeights) {
  LayerCensus dense;
  dense.nodes = {"ffn_out", "attn_out"};
  const auto none = plan_layers({{0, dense}}, "llama");
  ASSERT_TRUE(none);
  EXPECT_THAT(*none, IsEmpty());
  auto hidden = layer({}, RouterOp::kSoftmax);
  hidden.nodes.erase("ffn_moe_weights");
  const auto refused = plan_layers({{3, hidden}}, "llama");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("layer 3"));
}

}  // namespace
}  // namespace coe
