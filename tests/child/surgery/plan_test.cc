#include "coe/child/surgery/plan.h"

#include "coe/base/result.h"
#include "coe/base/text.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::TempDir;
using testing::tiny_moe;
using testing::TinyGguf;
using testing::value_of;
using testing::write_tiny;

KeepMask mask_of(std::uint32_t n_expert,
                 const std::map<std::uint32_t, std::vector<std::uint32_t>>& layers) {
  std::map<LayerId, std::vector<ExpertId>> ids;
  for (const auto& [layer, experts] : layers)
    for (const auto expert : experts) ids[LayerId{layer}].push_back(ExpertId{expert});
  return value_of(KeepMask::create(n_expert, ids));
}

struct Parent {
  explicit Parent(const TinyGguf& model)
      : file(value_of(gguf::GgufFile::open(write_tiny(dir / "parent.gguf", model)))),
        moe(value_of(describe_moe(file))) {}

  Result<SurgeryPlan> plan(const KeepMask& mask,
                           const SurgeryOptions& options = {.mask_name = "web.mask.json"}) const {
    return plan_surgery(file, moe, mask, options);
  }

  TempDir dir;
  gguf::GgufFile file;
  MoeModel moe;
};

const TensorPlan& of(const SurgeryPlan& plan, const gguf::GgufFile& parent,
                     const std::string& name) {
  const auto found = std::ranges::find_if(plan.parts[0].tensors, [&](const TensorPlan& tensor) {
    return parent.header().tensors[tensor.source].name == name;
  });
  EXPECT_NE(found, plan.parts[0].tensors.end()) << name;
  return *found;
}

TEST(PlanSurgery, CopiesTheSlabsOfKeptExperts) {
  const Parent parent(tiny_moe({.n_block = 1, .n_embd = 4, .n_ff = 8, .n_expert = 8}));
  const auto plan = value_of(parent.plan(mask_of(8, {{0, {0, 1, 5}}})));
  // 4 x 8 F32 values are 128 bytes an expert; 0 and 1 are neighbours and become one range.
  const auto* up = parent.file.header().find_tensor("blk.0.ffn_up_exps.weight");
  const auto start = parent.file.position(*up);
  const auto& tensor = of(plan, parent.file, "blk.0.ffn_up_exps.weight");
  EXPECT_TRUE(tensor.cut);
  ASSERT_EQ(tensor.ranges.size(), 2U);
  EXPECT_EQ(tensor.ranges[0].offset, start);
  EXPECT_EQ(tensor.ranges[0].n_bytes, 256U);
  EXPECT_EQ(tensor.ranges[1].offset, start + 5 * 128);
  EXPECT_EQ(tensor.ranges[1].n_bytes, 128U);
  EXPECT_EQ(gguf::shape_text(*plan.parts[0].header.find_tensor("blk.0.ffn_up_exps.weight")),
            "[4, 8, 3]");
  EXPECT_EQ(gguf::shape_text(*plan.parts[0].header.find_tensor("blk.0.ffn_gate_inp.weight")),
            "[4, 3]");
  EXPECT_EQ(plan.n_tensor_cut, 4U);
}

TEST(PlanSurgery, CopiesOtherTensorsWhole) {
  const Parent parent(tiny_moe({}));
  const auto plan = value_of(parent.plan(mask_of(8, {{0, {0, 1}}, {1, {6, 7}}})));
  const auto* norm = parent.file.header().find_tensor("blk.1.attn_norm.weight");
  const auto& tensor = of(plan, parent.file, "blk.1.attn_norm.weight");
  EXPECT_FALSE(tensor.cut);
  ASSERT_EQ(tensor.ranges.size(), 1U);
  EXPECT_EQ(tensor.ranges[0].offset, parent.file.position(*norm));
  EXPECT_EQ(tensor.ranges[0].n_bytes, norm->n_bytes);
}

TEST(PlanSurgery, CutsEveryKindOfPerExpertTensor) {
  const Parent parent(tiny_moe({.architecture = "gpt-oss", .n_block = 1, .biases = true}));
  const auto plan = value_of(parent.plan(mask_of(8, {{0, {1, 3, 4, 6}}})));
  EXPECT_EQ(gguf::shape_text(*plan.parts[0].header.find_tensor("blk.0.ffn_gate_inp.bias")), "[4]");
  EXPECT_EQ(gguf::shape_text(*plan.parts[0].header.find_tensor("blk.0.ffn_up_exps.bias")),
            "[32, 4]");
  EXPECT_EQ(of(plan, parent.file, "blk.0.ffn_gate_inp.bias").ranges.size(), 3U);
  EXPECT_EQ(plan.n_tensor_cut, 8U);
}

TEST(PlanSurgery, SetsTheCountInPlaceAndKeepsEveryOtherKey) {
  const Parent parent(tiny_moe({.alignment = 64}));
  const auto plan =
      value_of(parent.plan(mask_of(8, {{0, {0, 1}}, {1, {6, 7}}}), {.provenance = false}));
  const auto& before = parent.file.header().keys;
  const auto& after = plan.parts[0].header.keys;
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after[i].key, before[i].key);
    if (before[i].key == "qwen3moe.expert_count")
      EXPECT_EQ(after[i].value, gguf::Value::u32(2));
    else
      EXPECT_EQ(after[i].value, before[i].value);
  }
  EXPECT_EQ(plan.parts[0].header.alignment, 64U);
  EXPECT_EQ(plan.parts[0].header.data_offset % 64, 0U);
}

TEST(PlanSurgery, RecordsWhereTheSpecialistComesFrom) {
  const Parent parent(tiny_moe({}));
  auto mask = mask_of(0, {{0, {0, 1}}, {1, {6, 7}}});  // as a plain mask is read
  const auto plan = value_of(parent.plan(mask));
  const auto& keys = plan.parts[0].header.keys;
  std::vector<std::string> added;
  for (std::size_t i = parent.file.header().keys.size(); i < keys.size(); ++i)
    added.push_back(keys[i].key);
  EXPECT_THAT(added, ::testing::ElementsAre("general.size_label", "general.base_model.count",
                                            "general.base_model.0.name", "coe.version", "coe.mode",
                                            "coe.parent.name", "coe.parent.digest",
                                            "coe.parent.n_expert", "coe.n_keep", "coe.mask"));
  EXPECT_EQ(plan.parts[0].header.find_key("coe.version")->as_string(), tool_version());
  EXPECT_EQ(plan.parts[0].header.find_key("coe.mode")->as_string(), "slice");
  EXPECT_EQ(plan.parts[0].header.find_key("coe.parent.name")->as_string(), "Tiny");
  EXPECT_EQ(plan.parts[0].header.find_key("coe.parent.digest")->as_string(), parent.moe.id.digest);
  EXPECT_EQ(*plan.parts[0].header.find_key("coe.parent.n_expert"), gguf::Value::u32(8));
  EXPECT_EQ(*plan.parts[0].header.find_key("coe.n_keep"), gguf::Value::u32(2));
  const auto text = plan.parts[0].header.find_key("coe.mask")->as_string();
  const auto embedded = value_of(parse_mask(*text, "coe.mask"));
  EXPECT_EQ(embedded.layers(), mask.layers());
  EXPECT_EQ(embedded.parent, parent.moe.id);
  EXPECT_EQ(embedded.n_expert(), 8U);
}

TEST(PlanSurgery, SetsHowManyExpertsAreUsedInPlaceAndRecordsIt) {
  const Parent parent(tiny_moe({.n_expert_used = 3}));
  const auto mask = mask_of(8, {{0, {0, 1, 2}}, {1, {5, 6, 7}}});
  const auto as_ever = value_of(parent.plan(mask));
  const auto plan = value_of(parent.plan(mask, {.n_used = 2, .mask_name = "web.mask.json"}));
  const auto& before = as_ever.parts[0].header.keys;
  const auto& after = plan.parts[0].header.keys;
  ASSERT_EQ(after.size(), before.size() + 1);
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(after[i].key, before[i].key);
    if (before[i].key == "qwen3moe.expert_used_count")
      EXPECT_EQ(after[i].value, gguf::Value::u32(2));
    else
      EXPECT_EQ(after[i].value, before[i].value);
  }
  EXPECT_EQ(after.back().key, "coe.n_used");
  EXPECT_EQ(after.back().value, gguf::Value::u32(2));
  EXPECT_EQ(as_ever.parts[0].header.find_key("coe.n_used"), nullptr);
  EXPECT_EQ(plan.n_tensor_cut, as_ever.n_tensor_cut);
}

TEST(PlanSurgery, MayKeepAllExpertsWhereFewerAreUsed) {
  const Parent parent(tiny_moe({}));
  const auto all = mask_of_all(parent.moe);
  EXPECT_EQ(all.n_keep(), 8U);
  expect_error(parent.plan(all), Code::kInvalidArgument, "there is nothing to cut");
  const auto plan = value_of(parent.plan(all, {.n_used = 1}));
  EXPECT_EQ(*plan.parts[0].header.find_key("qwen3moe.expert_count"), gguf::Value::u32(8));
  EXPECT_EQ(*plan.parts[0].header.find_key("qwen3moe.expert_used_count"), gguf::Value::u32(1));
  EXPECT_EQ(plan.parts[0].header.find_key("general.name")->as_string(), "Tiny 8 of 8 experts");
}

TEST(PlanSurgery, RefusesANumberOfExpertsUsedThatItCannotWrite) {
  const auto mask = mask_of(8, {{0, {0, 1, 2}}, {1, {5, 6, 7}}});
  const Parent parent(tiny_moe({.n_expert_used = 3}));
  for (const std::uint32_t n : {3U, 4U, 9U})
    expect_error(parent.plan(mask, {.n_used = n}), Code::kInvalidArgument,
                 "experts used a token are not from 1 to below its own 3");
  expect_error(check_experts_used(parent.file, parent.moe, 0), Code::kInvalidArgument,
               "0 experts used a token");
  expect_error(parent.plan(mask, {.n_used = 2, .provenance = false}), Code::kInvalidArgument,
               "no record of it is to be written");
  const Parent top_1(tiny_moe({.n_expert_used = 1}));
  expect_error(top_1.plan(mask, {.n_used = 1}), Code::kInvalidArgument, "below its own 1");
  // One value for each block: equal ones or others, no single one can take their place.
  for (const std::uint32_t second : {3U, 2U}) {
    auto model = tiny_moe({.n_expert_used = 3});
    model.set("qwen3moe.expert_used_count", gguf::Value::array_u32(std::vector{3U, second}));
    const Parent uneven(model);
    expect_error(uneven.plan(mask, {.n_used = 1}), Code::kUnsupported,
                 "key `qwen3moe.expert_used_count` has a value for each block");
    value_of(uneven.plan(mask));
  }
  const Parent hashed(tiny_moe({.architecture = "deepseek4", .gating = 4, .hash_blocks = {1}}));
  expect_error(hashed.plan(mask, {.n_used = 1}), Code::kUnsupported,
               "layer 1 chooses experts by a table of tokens");
}

TEST(PlanSurgery, ACutOfACutUsesAsManyAsItAndSaysNothingOfIt) {
  const Parent parent(tiny_moe({.n_expert_used = 3}));
  const auto first =
      value_of(parent.plan(mask_of_all(parent.moe), {.n_used = 2, .mask_name = "web.mask.json"}));
  auto model = tiny_moe({.n_expert_used = 3});
  model.keys = first.parts[0].header.keys;
  const Parent child(model);
  EXPECT_EQ(child.moe.n_expert_used, 2U);
  const auto second = value_of(child.plan(mask_of(8, {{0, {0, 1, 2}}, {1, {5, 6, 7}}})));
  const auto& header = second.parts[0].header;
  EXPECT_EQ(*header.find_key("qwen3moe.expert_used_count"), gguf::Value::u32(2));
  EXPECT_EQ(header.find_key("coe.n_used"), nullptr);
  EXPECT_EQ(header.find_key("general.name")->as_string(), "Tiny 3 of 8 experts");
}

TEST(PlanSurgery, IsDeterministic) {
  const Parent parent(tiny_moe({}));
  const auto mask = mask_of(8, {{0, {0, 1}}, {1, {6, 7}}});
  EXPECT_EQ(value_of(parent.plan(mask)).parts[0].header_bytes,
            value_of(parent.plan(mask)).parts[0].header_bytes);
}

TEST(PlanSurgery, ReplacesItsOwnRecordsAndKeepsOthers) {
  auto model = tiny_moe({});
  model.keys.insert(model.keys.begin() + 1, {"coe.mask", gguf::Value::string("{}")});
  model.set("coe.parent.n_expert", gguf::Value::u32(128));
  model.set("coe.future", gguf::Value::string("kept"));
  const Parent parent(model);
  const auto plan = value_of(parent.plan(mask_of(8, {{0, {0, 1}}, {1, {6, 7}}})));
  std::set<std::string> seen;
  for (const auto& [key, value] : plan.parts[0].header.keys)
    EXPECT_TRUE(seen.insert(key).second) << key;
  EXPECT_EQ(*plan.parts[0].header.find_key("coe.parent.n_expert"), gguf::Value::u32(8));
  EXPECT_EQ(plan.parts[0].header.find_key("coe.future")->as_string(), "kept");
  EXPECT_EQ(plan.parts[0].header.keys.back().key, "coe.mask");
}

TEST(PlanSurgery, NotesCountsWithoutAFusedKernel) {
  const Parent parent(tiny_moe({}));
  const auto warnings = [&](std::vector<std::uint32_t> ids) {
    return value_of(parent.plan(mask_of(8, {{0, ids}, {1, ids}}))).warnings;
  };
  EXPECT_THAT(warnings({0, 1, 2, 3}), ::testing::IsEmpty());
  EXPECT_THAT(warnings({0, 1, 2}),
              ::testing::Contains(::testing::HasSubstr("3 experts: CUDA has no fused top-k")));
}

TEST(PlanSurgery, RefusesMasksThatDoNotFit) {
  const Parent parent(tiny_moe({}));
  expect_error(parent.plan(mask_of(8, {{0, {0, 1}}})), Code::kMismatch, "web.mask.json");
  expect_error(parent.plan(mask_of(8, {{0, {0, 1}}, {1, {0, 1}}, {2, {0, 1}}})), Code::kMismatch,
               "web.mask.json");
  expect_error(parent.plan(mask_of(8, {{0, {0}}, {1, {0}}})), Code::kInvalidArgument,
               "web.mask.json");  // below the 2 experts used
  expect_error(parent.plan(mask_of(16, {{0, {0, 15}}, {1, {0, 1}}})), Code::kMismatch,
               "web.mask.json");
  auto other = mask_of(8, {{0, {0, 1}}, {1, {0, 1}}});
  other.parent = {"Other", "qwen3moe", "xxh3:0"};
  expect_error(parent.plan(other), Code::kMismatch, "web.mask.json");
}

// Any mask of a tiny model: each layer keeps the same number of any experts.
KeepMask any_mask(const MoeModel& moe) {
  const auto n_keep = *rc::gen::inRange(moe.n_expert_used, moe.n_expert);
  std::map<LayerId, std::vector<ExpertId>> layers;
  for (const auto& layer : moe.layers) {
    const auto ids = *rc::gen::unique<std::vector<std::uint32_t>>(
        n_keep, rc::gen::inRange<std::uint32_t>(0, moe.n_expert));
    for (const auto id : ids) layers[layer.id].push_back(ExpertId{id});
  }
  return value_of(KeepMask::create(moe.n_expert, layers));
}

RC_GTEST_PROP(PlanSurgeryProperties, RangesFillEachTensorOfTheChildOnce, ()) {
  static const Parent parent(tiny_moe(
      {.n_block = 3, .expert_type = "Q8_0", .selection_bias = true, .shared_expert = true}));
  const auto plan = value_of(parent.plan(any_mask(parent.moe)));
  RC_ASSERT(plan.parts[0].tensors.size() == plan.parts[0].header.tensors.size());
  std::uint64_t end = plan.parts[0].header.data_offset;
  for (std::size_t i = 0; i < plan.parts[0].tensors.size(); ++i) {
    const auto& child = plan.parts[0].header.tensors[i];
    const auto& source = parent.file.header().tensors[plan.parts[0].tensors[i].source];
    RC_ASSERT(child.name == source.name);
    RC_ASSERT(plan.parts[0].header.data_offset + child.offset == end);
    std::uint64_t n_bytes = 0;
    std::uint64_t last_end = parent.file.position(source);
    for (const auto& range : plan.parts[0].tensors[i].ranges) {
      RC_ASSERT(range.offset >= last_end);  // ascending, none twice
      last_end = range.offset + range.n_bytes;
      n_bytes += range.n_bytes;
    }
    RC_ASSERT(last_end <= parent.file.position(source) + source.n_bytes);
    RC_ASSERT(n_bytes == child.n_bytes);
    end += (child.n_bytes + 31) / 32 * 32;
  }
  RC_ASSERT(end == plan.parts[0].header.file_bytes);
}

}  // namespace
}  // namespace coe
