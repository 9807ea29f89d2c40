#include "coe/model/moe/arch_table.h"

#include "coe/base/file.h"
#include "coe/model/moe/model.h"

#include "support/expect.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace coe {
namespace {

TEST(ArchTable, KnowsTheGatingOfArchitectures) {
  EXPECT_EQ(find_arch("qwen3moe")->gating, Gating::kSoftmax);
  EXPECT_EQ(find_arch("gemma4")->source, GatingSource::kFixed);
  EXPECT_EQ(find_arch("gpt-oss")->gating, Gating::kSoftmaxWeight);
  EXPECT_EQ(find_arch("glm4moe")->source, GatingSource::kKeyOrDefault);
  EXPECT_EQ(find_arch("glm4moe")->gating, Gating::kSigmoid);
  EXPECT_EQ(find_arch("deepseek32")->source, GatingSource::kKeyRequired);
  EXPECT_EQ(find_arch("afmoe")->name, "afmoe");    // first row
  EXPECT_EQ(find_arch("step35")->name, "step35");  // last row
}

// docs/how-to/other-architectures.md has a row for each way to gate, in this order.
TEST(ArchTable, TheGuideNamesEachArchitecture) {
  const auto guide =
      testing::value_of(read_text(Path(COE_SOURCE_DIR) / "docs/how-to/other-architectures.md"));
  const auto row = [&](std::string_view title) {
    const auto at = guide.find("\n| " + std::string(title));
    return guide.substr(at, guide.find('\n', at + 1) - at);
  };
  const auto softmax = row("softmax over all");
  const auto sigmoid = row("sigmoid, or");
  const auto in_file = row("what the file says");
  std::size_t n_name = 0;
  for (const auto& arch : all_archs()) {
    const bool is_softmax =
        arch.gating == Gating::kSoftmax || arch.gating == Gating::kSoftmaxWeight;
    const auto& expected = arch.source == GatingSource::kKeyRequired ? in_file
                           : is_softmax                              ? softmax
                                                                     : sigmoid;
    EXPECT_NE(expected.find(fmt::format("`{}`", arch.name)), std::string::npos) << arch.name;
    ++n_name;
  }
  const auto all = softmax + sigmoid + in_file;
  EXPECT_EQ(std::ranges::count(all, '`'), static_cast<std::ptrdiff_t>(2 * n_name));
}

TEST(ArchTable, DoesNotKnowOthers) {
  for (const std::string_view name : {"", "aaa", "qwen3", "qwen3moe2", "zzz"})
    EXPECT_EQ(find_arch(name), nullptr) << name;
}

TEST(TensorFacts, FindsPerExpertTensorsWithTheirRank) {
  const auto expect = [](std::string_view suffix, TensorRole role, std::size_t n_dims) {
    EXPECT_EQ(tensor_facts(suffix).role, role) << suffix;
    EXPECT_EQ(tensor_facts(suffix).n_dims, n_dims) << suffix;
  };
  expect("ffn_gate_inp.weight", TensorRole::kRouter, 2);
  expect("ffn_gate_inp.bias", TensorRole::kPerExpert, 1);
  expect("exp_probs_b.bias", TensorRole::kPerExpert, 1);
  expect("exp_probs_b", TensorRole::kPerExpert, 1);
  expect("ffn_gate_exps.weight", TensorRole::kPerExpert, 3);
  expect("ffn_up_exps.weight", TensorRole::kPerExpert, 3);
  expect("ffn_down_exps.weight", TensorRole::kPerExpert, 3);
  expect("ffn_gate_up_exps.weight", TensorRole::kPerExpert, 3);
  expect("ffn_down_exps.bias", TensorRole::kPerExpert, 2);
  expect("ffn_down_exps.scale", TensorRole::kPerExpert, 1);
  expect("ffn_gate_inp.per_expert_scale", TensorRole::kPerExpert, 1);
  expect("ffn_up_exps.input_scale", TensorRole::kPerExpert, 1);
  expect("ffn_down_chexps.weight", TensorRole::kChunk, 3);
  EXPECT_EQ(tensor_facts("ffn_gate_tid2eid.weight").role, TensorRole::kTokenTable);
}

TEST(TensorFacts, LeavesTensorsThatOnlySoundLikeExperts) {
  for (const std::string_view suffix :
       {"ffn_gate_inp.scale", "ffn_norm_exps.weight", "ffn_gate_inp_shexp.weight",
        "ffn_up_shexp.weight", "ffn_down_shexp.weight", "ffn_latent_up.weight",
        "ffn_routed_down.weight", "attn_q.weight", "ffn_gate.weight"})
    EXPECT_EQ(tensor_facts(suffix).role, TensorRole::kOther) << suffix;
}

TEST(TensorFacts, RefusesWhatCannotBeCut) {
  for (const std::string_view suffix : {"ffn_gate.0.weight", "ffn_down.17.weight"}) {
    EXPECT_EQ(tensor_facts(suffix).role, TensorRole::kRefused) << suffix;
    EXPECT_FALSE(tensor_facts(suffix).why_refused.empty()) << suffix;
  }
}

TEST(TensorFacts, AdmitsNotToKnowNewExpertTensors) {
  for (const std::string_view suffix :
       {"ffn_mix_exps.weight", "ffn_mix_chexps.weight", "ffn_up_tid2eid.weight", "ffn_up_exps.zero",
        "exp_probs_c", "ffn_gate_inp.norm"})
    EXPECT_EQ(tensor_facts(suffix).role, TensorRole::kUnknown) << suffix;
}

TEST(WhyUnsafe, KnowsLlama4With128Experts) {
  EXPECT_TRUE(why_unsafe("llama4", 128).has_value());
  EXPECT_EQ(why_unsafe("llama4", 16), std::nullopt);
  EXPECT_EQ(why_unsafe("qwen3moe", 128), std::nullopt);
}

TEST(FusedTopK, KnowsTheCountsOfTheKernel) {
  for (const std::uint32_t k : {1U, 8U, 64U, 128U, 512U, 288U, 576U})
    EXPECT_TRUE(has_fused_top_k(k)) << k;
  for (const std::uint32_t k : {0U, 6U, 48U, 96U, 144U, 1024U})
    EXPECT_FALSE(has_fused_top_k(k)) << k;
}

TEST(ArchTable, NamesQuirks) {
  EXPECT_TRUE(find_arch("grovemoe")->chunks);
  EXPECT_FALSE(find_arch("qwen3moe")->chunks);
  EXPECT_TRUE(find_arch("gemma4")->output_norm);
}

}  // namespace
}  // namespace coe
