#include "coe/model/moe/model.h"

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/ids.h"

#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::TempDir;
using testing::tiny_dense;
using testing::tiny_moe;
using testing::tiny_tensor;
using testing::TinyGguf;
using testing::TinySpec;
using testing::value_of;
using testing::write_tiny;

class DescribeMoe : public ::testing::Test {
 protected:
  gguf::GgufFile open(const TinyGguf& model) {
    return value_of(gguf::GgufFile::open(write_tiny(dir_ / "tiny.gguf", model)));
  }
  Result<MoeModel> describe(const TinyGguf& model) { return describe_moe(open(model)); }
  void expect_refused(const TinyGguf& model, Code code, const std::string& part) {
    expect_error(describe(model), code, part);
    expect_error(describe(model), code, "tiny.gguf: ");
  }

  TempDir dir_;
};

std::vector<std::string> names(const gguf::GgufFile& file, const MoeLayer& layer) {
  std::vector<std::string> out;
  for (const auto& expert : layer.experts) out.push_back(file.header().tensors[expert.tensor].name);
  return out;
}

TEST_F(DescribeMoe, ReadsTheBundledModel) {
  const auto file =
      value_of(gguf::GgufFile::open(COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf"));
  const auto model = value_of(describe_moe(file));
  EXPECT_EQ(model.id.name, "Gemma4 Tiny MoE");
  EXPECT_EQ(model.id.architecture, "gemma4");
  EXPECT_EQ(model.n_block, 8U);
  EXPECT_EQ(model.n_embd, 256U);
  EXPECT_EQ(model.n_expert, 128U);
  EXPECT_EQ(model.n_expert_used, 8U);
  EXPECT_EQ(model.n_ctx_train, 2048U);
  EXPECT_EQ(model.gating, Gating::kSoftmax);
  EXPECT_FALSE(model.selection_bias);
  EXPECT_TRUE(model.shared_expert);  // the dense feed-forward beside the experts
  EXPECT_THAT(model.warnings, ::testing::IsEmpty());
  ASSERT_EQ(model.layers.size(), 8U);
  EXPECT_EQ(
      names(file, model.layers[3]),
      (std::vector<std::string>{"blk.3.ffn_down_exps.scale", "blk.3.ffn_down_exps.weight",
                                "blk.3.ffn_gate_inp.weight", "blk.3.ffn_gate_up_exps.weight"}));
  // Layer 0: scale F32, down 32x256 in Q8_0, router row of 256 F32, gate_up 256x64 in Q4_K.
  EXPECT_EQ(model.layers[0].expert_bytes, 4U + 32 * 256 / 32 * 34 + 256 * 4 + 256 * 64 / 256 * 144);
}

TEST_F(DescribeMoe, FindsLayersAmongDenseBlocks) {
  const auto model = value_of(describe(tiny_moe({.n_block = 4, .dense_blocks = {0, 2}})));
  ASSERT_EQ(model.layers.size(), 2U);
  EXPECT_EQ(model.n_block, 4U);
  EXPECT_EQ(model.find_layer(LayerId{1}), 0U);
  EXPECT_EQ(model.find_layer(LayerId{3}), 1U);
  EXPECT_EQ(model.find_layer(LayerId{0}), std::nullopt);
  EXPECT_EQ(model.find_layer(LayerId{4}), std::nullopt);
  EXPECT_FALSE(model.shared_expert);
}

TEST_F(DescribeMoe, CountsEveryPerExpertTensor) {
  const auto file = open(tiny_moe({.architecture = "gpt-oss", .n_block = 1, .biases = true}));
  const auto model = value_of(describe_moe(file));
  EXPECT_THAT(names(file, model.layers[0]),
              ::testing::ElementsAre("blk.0.ffn_down_exps.weight", "blk.0.ffn_gate_inp.weight",
                                     "blk.0.ffn_gate_exps.weight", "blk.0.ffn_up_exps.weight",
                                     "blk.0.ffn_gate_inp.bias", "blk.0.ffn_gate_exps.bias",
                                     "blk.0.ffn_up_exps.bias", "blk.0.ffn_down_exps.bias"));
  EXPECT_EQ(file.header().tensors[model.layers[0].router].name, "blk.0.ffn_gate_inp.weight");
  EXPECT_EQ(model.gating, Gating::kSoftmaxWeight);
}

TEST_F(DescribeMoe, LeavesTheScaleOfGemma4sRouterInputAlone) {
  // As wide as the expert count, so that only the name tells.
  const auto file = open(tiny_moe({.architecture = "gemma4",
                                   .n_block = 1,
                                   .n_embd = 32,
                                   .n_expert = 32,
                                   .merged_gate_up = true,
                                   .down_scale = true}));
  const auto model = value_of(describe_moe(file));
  EXPECT_THAT(names(file, model.layers[0]),
              ::testing::ElementsAre("blk.0.ffn_down_exps.scale", "blk.0.ffn_down_exps.weight",
                                     "blk.0.ffn_gate_inp.weight", "blk.0.ffn_gate_up_exps.weight"));
}

TEST_F(DescribeMoe, ReadsGatingFromTheKeyWhereTheArchitectureDoes) {
  const auto gating = [&](const std::string& architecture, std::uint32_t key) {
    return value_of(describe(tiny_moe({.architecture = architecture, .gating = key}))).gating;
  };
  EXPECT_EQ(gating("glm4moe", 0), Gating::kSigmoid);
  EXPECT_EQ(gating("glm4moe", 1), Gating::kSoftmax);
  EXPECT_EQ(gating("deepseek2", 0), Gating::kSoftmax);
  EXPECT_EQ(gating("deepseek2", 2), Gating::kSigmoid);
  EXPECT_EQ(gating("deepseek32", 2), Gating::kSigmoid);
  EXPECT_EQ(gating("qwen3moe", 2), Gating::kSoftmax);  // fixed: the key is not read
  expect_refused(tiny_moe({.architecture = "deepseek32"}), Code::kCorrupt,
                 "key `deepseek32.expert_gating_func` is missing");
  expect_refused(tiny_moe({.architecture = "deepseek32", .gating = 9}), Code::kCorrupt,
                 "key `deepseek32.expert_gating_func` is unknown (9 vs 1 to 4)");
}

TEST_F(DescribeMoe, TellsGlm47LiteFromOtherDeepseek2) {
  auto model = tiny_moe({.architecture = "deepseek2", .n_block = 47});
  model.set("tokenizer.ggml.tokens", gguf::Value::array_u32(std::vector<std::uint32_t>(154880)));
  EXPECT_EQ(value_of(describe(model)).gating, Gating::kSigmoid);
}

TEST_F(DescribeMoe, SeesBiasesGroupsAndSharedExperts) {
  const auto model = value_of(describe(tiny_moe({.architecture = "deepseek2",
                                                 .n_group = 4,
                                                 .n_group_used = 2,
                                                 .selection_bias = true,
                                                 .shared_expert = true})));
  EXPECT_EQ(model.n_expert_group, 4U);
  EXPECT_EQ(model.n_group_used, 2U);
  EXPECT_TRUE(model.selection_bias);
  EXPECT_TRUE(model.shared_expert);
}

TEST_F(DescribeMoe, RefusesImpossibleGroups) {
  const auto refuse = [&](std::uint32_t n_group, std::uint32_t n_used) {
    expect_refused(
        tiny_moe({.architecture = "deepseek2", .n_group = n_group, .n_group_used = n_used}),
        Code::kCorrupt, "expert groups are impossible");
  };
  refuse(3, 1);  // 8 experts
  refuse(4, 0);
  refuse(4, 4);
}

TEST_F(DescribeMoe, WarnsOfUnknownArchitectures) {
  const auto model = value_of(describe(tiny_moe({.architecture = "futuremoe"})));
  EXPECT_EQ(model.layers.size(), 2U);
  EXPECT_EQ(model.gating, Gating::kSoftmax);
  EXPECT_THAT(model.warnings,
              ::testing::ElementsAre(::testing::HasSubstr("`futuremoe` is unknown")));
}

TEST_F(DescribeMoe, RefusesUnknownExpertTensors) {
  auto model = tiny_moe({});
  model.tensors.push_back(tiny_tensor("blk.0.ffn_mix_exps.weight", "F32", {4, 8}, 1));
  expect_refused(model, Code::kUnsupported, "tensor `blk.0.ffn_mix_exps.weight`");
}

TEST_F(DescribeMoe, RefusesWhatItCannotCut) {
  auto old = tiny_dense();
  old.tensors.push_back(tiny_tensor("blk.0.ffn_up.3.weight", "F32", {4, 4}, 1));
  old.set("llama.expert_count", gguf::Value::u32(8));
  expect_refused(old, Code::kUnsupported, "stored one by one");
  expect_refused(tiny_moe({.architecture = "llama4", .n_block = 1, .n_expert = 128}),
                 Code::kUnsupported, "`llama4` with 128 experts cannot be cut safely");
}

TEST_F(DescribeMoe, RefusesDenseModels) {
  const auto result = describe(tiny_dense());
  expect_error(result, Code::kUnsupported,
               "tiny.gguf: no expert tensors, architecture `llama` is dense here");
  EXPECT_EQ(result.error().hint, "coe works on Mixture-of-Experts models");
}

TEST_F(DescribeMoe, SaysWhatStandsBesideModels) {
  for (const auto& [type, words] :
       std::map<std::string, std::string>{{"adapter", "tiny.gguf: a LoRA adapter, not a model"},
                                          {"mmproj", "a projector of images or sound (mmproj)"},
                                          {"imatrix", "an importance matrix, not a model"}}) {
    auto model = tiny_dense();
    model.set("general.type", gguf::Value::string(type));
    expect_refused(model, Code::kUnsupported, words);
    model.erase("general.architecture");
    expect_refused(model, Code::kUnsupported, words);
  }
  auto clip = tiny_dense();
  clip.set("general.architecture", gguf::Value::string("clip"));
  expect_refused(clip, Code::kUnsupported, "a projector of images or sound (mmproj)");
}

TEST_F(DescribeMoe, WarnsOfATowerAmongTheTensors) {
  auto model = tiny_moe({});
  for (const auto* name : {"v.blk.0.attn_q.weight", "mm.0.weight"})
    model.tensors.push_back(tiny_tensor(name, "F32", {4, 4}, 1));
  const auto described = value_of(describe(model));
  ASSERT_EQ(described.warnings.size(), 1U);
  EXPECT_THAT(described.warnings[0],
              ::testing::StartsWith("2 tensors of a vision or audio tower (`v.blk.0."));
  EXPECT_TRUE(value_of(describe(tiny_moe({}))).warnings.empty());
}

TEST_F(DescribeMoe, RefusesKeysThatContradictTensors) {
  auto model = tiny_moe({});
  model.set("qwen3moe.expert_count", gguf::Value::u32(4));
  expect_refused(model, Code::kCorrupt, "does not end in the expert dimension ([32, 32, 8]");
  model.erase("qwen3moe.expert_count");
  expect_refused(model, Code::kCorrupt, "no key `qwen3moe.expert_count`");
  auto dense = tiny_dense();
  dense.set("llama.expert_count", gguf::Value::u32(8));
  expect_refused(dense, Code::kCorrupt, "`llama.expert_count` is 8 but no tensor holds experts");
}

TEST_F(DescribeMoe, RefusesIncompleteLayers) {
  auto model = tiny_moe({});
  model.erase_tensor("blk.1.ffn_gate_inp.weight");
  expect_refused(model, Code::kCorrupt,
                 "block 1 has expert tensors but no `blk.1.ffn_gate_inp.weight`");
  model = tiny_moe({});
  model.erase_tensor("blk.0.ffn_down_exps.weight");
  expect_refused(model, Code::kCorrupt, "no `blk.0.ffn_down_exps.weight`");
  model = tiny_moe({});
  model.set("qwen3moe.block_count", gguf::Value::u32(1));
  expect_refused(model, Code::kCorrupt, "lies outside the 1 blocks of key `qwen3moe.block_count`");
}

TEST_F(DescribeMoe, RefusesBadCounts) {
  auto model = tiny_moe({});
  model.set("qwen3moe.expert_used_count", gguf::Value::u32(9));
  expect_refused(model, Code::kCorrupt, "`qwen3moe.expert_used_count` is impossible (9 vs 1 to 8");
  model.set("qwen3moe.expert_used_count", gguf::Value::u32(0));
  expect_refused(model, Code::kCorrupt, "impossible (0 vs");
  model.set("qwen3moe.expert_used_count", gguf::Value::string("two"));
  expect_refused(model, Code::kCorrupt, "is no count (str `two` vs u32)");
  model.erase("qwen3moe.expert_used_count");
  expect_refused(model, Code::kCorrupt, "key `qwen3moe.expert_used_count` is missing");
  model = tiny_moe({});
  model.set("qwen3moe.expert_count", gguf::Value::u64(1ULL << 40));
  expect_refused(model, Code::kCorrupt, "is no count (u64 1099511627776 vs u32)");
}

TEST_F(DescribeMoe, RefusesMoreExpertsThanLlamaCppLoads) {
  expect_refused(tiny_moe({.n_block = 1, .n_embd = 1, .n_ff = 1, .n_expert = 1025}), Code::kCorrupt,
                 "above what llama.cpp loads (1025 vs at most 1024)");
}

TEST_F(DescribeMoe, ReadsUsedCountsThatDifferByLayer) {
  auto model = tiny_moe({.n_block = 3, .dense_blocks = {0}});
  const std::array<std::uint32_t, 3> counts = {0, 2, 3};
  model.set("qwen3moe.expert_used_count", gguf::Value::array_u32(counts));
  const auto described = value_of(describe(model));
  EXPECT_EQ(described.n_expert_used, 3U);
  EXPECT_THAT(
      described.warnings,
      ::testing::ElementsAre(::testing::HasSubstr("different numbers of experts (2 to 3)")));
  const std::array<std::uint32_t, 2> too_few = {0, 2};
  model.set("qwen3moe.expert_used_count", gguf::Value::array_u32(too_few));
  expect_refused(model, Code::kCorrupt, "is too short (2 values vs 3 blocks)");
}

TEST_F(DescribeMoe, KeepsBlocksThatPredictFurtherTokensApart) {
  const auto model = value_of(describe(tiny_moe({.n_block = 3, .n_mtp = 1})));
  EXPECT_EQ(model.n_mtp, 1U);
  ASSERT_EQ(model.layers.size(), 2U);
  ASSERT_EQ(model.mtp_layers.size(), 1U);
  EXPECT_EQ(model.mtp_layers[0].id, LayerId{2});
  EXPECT_EQ(model.mtp_layers[0].experts.size(), 4U);
  EXPECT_EQ(model.find_layer(LayerId{2}), std::nullopt);
  expect_refused(tiny_moe({.n_block = 3, .n_mtp = 3}), Code::kCorrupt,
                 "key `qwen3moe.nextn_predict_layers` is impossible (3 of 3 blocks)");
  expect_refused(tiny_moe({.n_block = 2, .dense_blocks = {0}, .n_mtp = 1}), Code::kCorrupt,
                 "only MTP blocks have experts");
}

TEST_F(DescribeMoe, ReadsChunksOfExperts) {
  const auto spec = [](std::uint32_t size) {
    return tiny_moe({.architecture = "grovemoe", .n_block = 1, .n_chunk_expert = size});
  };
  const auto model = value_of(describe(spec(2)));
  EXPECT_EQ(model.n_chunk_expert, 2U);
  ASSERT_EQ(model.layers[0].chunks.size(), 3U);
  EXPECT_EQ(model.layers[0].chunks[0].slab_bytes, 32U * 32 * 4);
  // Router row, three matrices, and half of three chunk matrices.
  EXPECT_EQ(model.layers[0].expert_bytes, 32U * 4 + 3 * 4096 + 3 * 2048);
  auto wrong = spec(2);
  wrong.set("grovemoe.experts_per_group", gguf::Value::u32(4));
  expect_refused(wrong, Code::kCorrupt, "does not end in the expert dimension");
  wrong.set("grovemoe.experts_per_group", gguf::Value::u32(3));
  expect_refused(wrong, Code::kCorrupt, "is impossible (3, 8 experts)");
}

TEST_F(DescribeMoe, ReadsTokenTables) {
  const auto spec = TinySpec{.architecture = "deepseek4", .hash_blocks = {0}};
  const auto file = open(tiny_moe(spec));
  const auto model = value_of(describe_moe(file));
  ASSERT_TRUE(model.layers[0].token_table.has_value());
  EXPECT_EQ(file.header().tensors[*model.layers[0].token_table].name,
            "blk.0.ffn_gate_tid2eid.weight");
  EXPECT_FALSE(model.layers[1].token_table.has_value());
  auto wrong = tiny_moe(spec);
  wrong.set("deepseek4.expert_used_count", gguf::Value::u32(3));
  expect_refused(wrong, Code::kCorrupt, "is no table of 3 expert ids a token (I32 [2, 5])");
}

TEST_F(DescribeMoe, MissesTensorsThatTheArchitectureNeeds) {
  auto model = tiny_moe({});
  model.erase_tensor("blk.1.ffn_gate_exps.weight");
  expect_refused(model, Code::kCorrupt,
                 "block 1 has expert tensors but no `blk.1.ffn_gate_exps.weight`");
  auto ungated = tiny_moe({.architecture = "nemotron_h_moe", .gating = 2});
  for (const auto* name : {"blk.0.ffn_gate_exps.weight", "blk.1.ffn_gate_exps.weight"})
    ungated.erase_tensor(name);
  EXPECT_TRUE(describe(ungated).has_value());
  ungated.erase_tensor("blk.0.ffn_up_exps.weight");
  expect_refused(ungated, Code::kCorrupt, "no `blk.0.ffn_up_exps.weight`");
  auto merged = tiny_moe({.architecture = "gemma4", .merged_gate_up = true});
  EXPECT_TRUE(describe(merged).has_value());
  merged.erase_tensor("blk.0.ffn_gate_up_exps.weight");
  expect_refused(merged, Code::kCorrupt, "no `blk.0.ffn_up_exps.weight`");
}

TEST_F(DescribeMoe, RefusesExpertsThatShareABlock) {
  auto model = tiny_moe({.n_block = 1, .n_expert = 32, .down_scale = true});
  model.tensor("blk.0.ffn_down_exps.scale") =
      tiny_tensor("blk.0.ffn_down_exps.scale", "Q8_0", {32}, 1);
  expect_refused(model, Code::kUnsupported, "packs several experts in one block of Q8_0");
}

TEST_F(DescribeMoe, NeedsAnArchitecture) {
  auto model = tiny_moe({});
  model.erase("general.architecture");
  expect_refused(model, Code::kCorrupt, "key `general.architecture` is missing");
}

TEST_F(DescribeMoe, NamesAModelWithoutNameAfterItsFile) {
  auto model = tiny_moe({});
  model.erase("general.name");
  EXPECT_EQ(value_of(describe(model)).id.name, "tiny");
}

class ModelDigest : public DescribeMoe {
 protected:
  std::string digest(const TinyGguf& model) { return value_of(model_digest(open(model))); }
};

TEST_F(ModelDigest, IgnoresMetadataAndTensorOrder) {
  const auto model = tiny_moe({});
  auto edited = model;
  edited.set("tokenizer.chat_template", gguf::Value::string("{{ other }}"));
  std::swap(edited.tensors[1], edited.tensors[4]);
  EXPECT_EQ(digest(edited), digest(model));
}

TEST_F(ModelDigest, SeesNamesTypesShapesAndEdges) {
  const auto model = tiny_moe({});
  const auto expect_differs = [&](auto change) {
    auto other = model;
    change(other);
    EXPECT_NE(digest(other), digest(model));
  };
  expect_differs([](auto& m) { m.tensors[1].info.name = "blk.0.attn_nrom.weight"; });
  expect_differs([](auto& m) { m.tensors[0].info.ne = {16, 10, 1, 1}; });
  expect_differs([](auto& m) {
    m.tensor("blk.0.attn_q.weight").info.type = gguf::type_from_name("BF16").value();
  });
  expect_differs(
      [](auto& m) { m.tensor("blk.0.ffn_up_exps.weight").bytes.front() ^= std::byte{1}; });
  expect_differs(
      [](auto& m) { m.tensor("blk.0.ffn_up_exps.weight").bytes.back() ^= std::byte{1}; });
}

TEST_F(ModelDigest, ReadsRoutersWholeAndOthersAtTheirEdges) {
  const auto model = tiny_moe({.n_block = 1, .n_embd = 512});
  auto other = model;
  auto& router = other.tensor("blk.0.ffn_gate_inp.weight").bytes;  // 16 KiB
  router[router.size() / 2] ^= std::byte{1};
  EXPECT_NE(digest(other), digest(model));
  other = model;
  auto& up = other.tensor("blk.0.ffn_up_exps.weight").bytes;
  up[up.size() / 2] ^= std::byte{1};
  EXPECT_EQ(digest(other), digest(model));  // the documented price of not reading everything
}

TEST(CheckSameModel, AcceptsEqualAndUnknownModels) {
  const ModelId id{"A", "qwen3moe", "xxh3:1"};
  expect_ok(check_same_model(id, id, "web.mask.json"));
  expect_ok(check_same_model(id, {}, "web.mask.json"));
  expect_ok(check_same_model(id, {"renamed", "qwen3moe", "xxh3:1"}, "web.mask.json"));
}

TEST(CheckSameModel, RefusesOthersNamingTheDifference) {
  const ModelId id{"A", "qwen3moe", "xxh3:1"};
  expect_error(check_same_model(id, {"A", "gemma4", "xxh3:1"}, "web.mask.json"), Code::kMismatch,
               "web.mask.json: made for another model (architecture `gemma4` vs `qwen3moe`)");
  expect_error(check_same_model(id, {"B", "qwen3moe", "xxh3:2"}, "web.mask.json"), Code::kMismatch,
               "(name `B` vs `A`)");
  expect_error(check_same_model(id, {"A", "qwen3moe", "xxh3:2"}, "web.mask.json"), Code::kMismatch,
               "(digest `xxh3:2` vs `xxh3:1`)");
}

TEST(GatingName, NamesAllFour) {
  EXPECT_EQ(gating_name(Gating::kSoftmax), "softmax");
  EXPECT_EQ(gating_name(Gating::kSigmoid), "sigmoid");
  EXPECT_EQ(gating_name(Gating::kSoftmaxWeight), "softmax over the selected");
  EXPECT_EQ(gating_name(Gating::kSqrtSoftplus), "sqrt(softplus)");
}

}  // namespace
}  // namespace coe
