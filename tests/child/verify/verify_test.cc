#include "coe/child/verify/verify.h"

#include "coe/base/file.h"
#include "coe/base/hash.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/text.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include "support/expect.h"
#include "support/ollama_form.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using ::testing::HasSubstr;
using testing::TempDir;
using testing::tiny_dense;
using testing::tiny_moe;
using testing::TinyGguf;
using testing::value_of;
using testing::write_tiny;

using Ids = std::map<std::uint32_t, std::vector<std::uint32_t>>;

KeepMask mask_of(const Ids& layers) {
  std::map<LayerId, std::vector<ExpertId>> ids;
  for (const auto& [layer, experts] : layers)
    for (const auto expert : experts) ids[LayerId{layer}].push_back(ExpertId{expert});
  return value_of(KeepMask::create(8, ids));
}

const Ids kKept = {{0, {1, 3, 6}}, {1, {0, 2, 7}}};

// A parent, and its child as keys and tensors in memory, to be tampered with before it is written.
class VerifyChild : public ::testing::Test {
 protected:
  explicit VerifyChild(TinyGguf model = tiny_moe({.expert_type = "Q8_0", .selection_bias = true}))
      : model_(std::move(model)), parent_(write_tiny(dir_ / "parent.gguf", model_)) {
    cut(true);
  }

  void cut(bool provenance) {
    const auto file = value_of(gguf::GgufFile::open(parent_));
    const auto moe = value_of(describe_moe(file));
    const auto plan = value_of(
        plan_surgery(file, moe, mask_of(kKept), {.provenance = provenance, .mask_name = "m"}));
    expect_ok(apply_plan(file, plan, child_, Overwrite::kAllow, silent_observer()));
    const auto made = value_of(gguf::GgufFile::open(child_));
    tampered_.keys = made.header().keys;
    tampered_.tensors.clear();
    for (const auto& tensor : made.header().tensors) {
      tampered_.tensors.push_back({tensor, value_of(made.read_all(tensor))});
    }
  }

  VerifyReport verify(const std::optional<KeepMask>& mask = std::nullopt) {
    return value_of(verify_child(parent_, child_, mask, nullptr, silent_observer()));
  }
  VerifyReport verify_tampered(const std::optional<KeepMask>& mask = std::nullopt) {
    write_tiny(child_, tampered_);
    return verify(mask);
  }
  // Exactly one finding, at `where`, saying `message`.
  static void expect_found(const VerifyReport& report, const std::string& where,
                           const std::string& message) {
    ASSERT_EQ(report.bad.size(), 1U) << (report.bad.empty() ? "" : report.bad[1].message);
    EXPECT_EQ(report.bad[0].where, where);
    EXPECT_THAT(report.bad[0].message, HasSubstr(message));
    EXPECT_FALSE(report.ok());
  }

  TempDir dir_;
  TinyGguf model_;
  Path parent_;
  Path child_ = dir_ / "child.gguf";
  TinyGguf tampered_;
};

TEST_F(VerifyChild, AcceptsWhatSurgeryMakes) {
  const auto report = verify();
  EXPECT_TRUE(report.ok()) << report.bad[0].where << ": " << report.bad[0].message;
  EXPECT_EQ(report.n_keep, 3U);
  EXPECT_FALSE(report.mask_recovered);
  EXPECT_EQ(report.n_tensor, model_.tensors.size());
  EXPECT_EQ(report.n_tensor_cut, 2U * 5);          // three matrices, router, selection bias
  EXPECT_EQ(report.n_expert_checked, 2U * 5 * 3);  // three kept
  std::uint64_t n_bytes = 0;
  for (const auto& tensor : tampered_.tensors) n_bytes += tensor.bytes.size();
  EXPECT_EQ(report.n_bytes_compared, n_bytes);
}

// A file of Ollama's with a tower: a child keeps it to the bit, and the scale of each expert that
// has another name there is cut like the rest.
class VerifyTower : public VerifyChild {
 protected:
  static TinyGguf with_tower() {
    auto model = tiny_moe({.architecture = "gemma4",
                           .expert_type = "Q8_0",
                           .merged_gate_up = true,
                           .down_scale = true});
    testing::add_tower(model);
    testing::use_ollama_names(model);
    return model;
  }
  VerifyTower() : VerifyChild(with_tower()) {}
};

TEST_F(VerifyTower, AcceptsAChildThatKeepsIt) {
  const auto report = verify();
  EXPECT_TRUE(report.ok()) << report.bad[0].where << ": " << report.bad[0].message;
  EXPECT_EQ(report.n_tensor, model_.tensors.size());
  EXPECT_EQ(report.n_tensor_cut, 2U * 4);  // two matrices, their scale, router
  for (const auto* name : {"v.patch_embd.weight", "v.blk.0.attn_q.weight", "v.clamp_data",
                           "mm.input_projection.weight", "a.blk.0.conv_dw.weight"})
    EXPECT_TRUE(tampered_.tensor(name).bytes == model_.tensor(name).bytes) << name;
  EXPECT_EQ(tampered_.tensor("blk.1.ffn_gate_inp.per_expert_scale").info.ne[0], 3U);
}

TEST_F(VerifyTower, RefusesAChildWhoseTowerChanged) {
  tampered_.tensor("v.clamp_data").bytes[5] ^= std::byte{1};
  expect_found(verify_tampered(), "v.clamp_data", "differ");
}

TEST_F(VerifyTower, RefusesAChildWithoutIt) {
  tampered_.erase_tensor("mm.input_projection.weight");
  EXPECT_FALSE(verify_tampered().ok());
}

// A child of which one tensor was healed: other bytes, in another type.
class VerifyHealed : public VerifyChild {
 protected:
  VerifyHealed() : VerifyChild(tiny_moe({.expert_type = "Q8_0"})) {
    healed_ = testing::tiny_tensor(std::string(kTensor), "Q8_0", {32, 32}, 9);
    Hasher hasher;
    hasher.add(healed_.bytes);
    records_ = {{"coe.heal.tensors", gguf::Value::strings(std::vector<std::string>{kTensor})},
                {"coe.heal.digests", gguf::Value::strings(std::vector{hasher.digest()})}};
    heal();
  }
  void heal() {
    const auto file = value_of(gguf::GgufFile::open(parent_));
    const auto moe = value_of(describe_moe(file));
    SurgeryOptions options;
    options.replaced = {{kTensor, healed_.info.type, healed_.bytes}};
    options.records = records_;
    const auto plan = value_of(plan_surgery(file, moe, mask_of(kKept), options));
    expect_ok(apply_plan(file, plan, child_, Overwrite::kAllow, silent_observer()));
    const auto made = value_of(gguf::GgufFile::open(child_));
    tampered_.keys = made.header().keys;
    tampered_.tensors.clear();
    for (const auto& tensor : made.header().tensors)
      tampered_.tensors.push_back({tensor, value_of(made.read_all(tensor))});
  }
  VerifyReport verify_healed() {
    write_tiny(child_, tampered_);
    return value_of(
        verify_child(parent_, child_, std::nullopt, nullptr, silent_observer(), Healed::kAllow));
  }

  static constexpr const char* kTensor = "blk.1.attn_q.weight";
  gguf::TensorData healed_;
  std::vector<gguf::KeyValue> records_;
};

TEST_F(VerifyHealed, ListsWhatIsHealedAndProvesTheRest) {
  const auto report = verify_healed();
  EXPECT_TRUE(report.ok()) << report.bad[0].where << ": " << report.bad[0].message;
  ASSERT_EQ(report.healed.size(), 1U);
  EXPECT_EQ(report.healed[0].tensor, kTensor);
  EXPECT_EQ(report.healed[0].type, "Q8_0");
  EXPECT_EQ(report.n_expert_checked, 2U * 4 * 3);
  expect_found(verify(), kTensor, "is healed: `coe verify --healed`");
}

TEST_F(VerifyHealed, FindsAByteThatHealingDidNotWrite) {
  tampered_.tensor(kTensor).bytes[10] ^= std::byte{1};
  expect_found(verify_healed(), kTensor, "is not what healing wrote (xxh3:");
}

TEST_F(VerifyHealed, FindsAnyOtherByte) {
  tampered_.tensor("blk.0.attn_q.weight").bytes[10] ^= std::byte{1};
  expect_found(verify_healed(), "blk.0.attn_q.weight", "differs at byte 10");
}

TEST_F(VerifyHealed, TakesNoExpertForHealed) {
  const std::vector<std::string> names = {kTensor, "blk.0.ffn_up_exps.weight"};
  const auto digest = records_[1].value.as_string_array()->front();
  tampered_.set("coe.heal.tensors", gguf::Value::strings(names));
  tampered_.set("coe.heal.digests", gguf::Value::strings(std::vector{digest, digest}));
  expect_found(verify_healed(), "blk.0.ffn_up_exps.weight", "has experts, which are never healed");
}

TEST_F(VerifyHealed, WantsADigestForEachTensor) {
  tampered_.set("coe.heal.digests", gguf::Value::strings(std::vector<std::string>{}));
  EXPECT_FALSE(verify_healed().ok());
  tampered_.set("coe.heal.digests", records_[1].value);
  tampered_.set("coe.heal.tensors", gguf::Value::strings(std::vector<std::string>{"none.weight"}));
  EXPECT_FALSE(verify_healed().ok());
}

TEST_F(VerifyHealed, RefusesReplacementsThatDoNotFit) {
  const auto file = value_of(gguf::GgufFile::open(parent_));
  const auto moe = value_of(describe_moe(file));
  const auto refuse = [&](ReplacedTensor tensor, const std::string& why) {
    SurgeryOptions options;
    options.replaced = {std::move(tensor)};
    expect_error(plan_surgery(file, moe, mask_of(kKept), options), Code::kInvalidArgument, why);
  };
  refuse({"none.weight", healed_.info.type, healed_.bytes}, "there is none");
  refuse({"blk.0.ffn_up_exps.weight", healed_.info.type, healed_.bytes}, "has experts");
  refuse({kTensor, healed_.info.type, {healed_.bytes.begin() + 2, healed_.bytes.end()}},
         "by 1086 bytes of Q8_0");
}

TEST_F(VerifyChild, AcceptsTheMaskItWasCutBy) { EXPECT_TRUE(verify(mask_of(kKept)).ok()); }

TEST_F(VerifyChild, RecoversTheMaskFromRouterRows) {
  cut(false);
  const auto report = verify();
  EXPECT_TRUE(report.ok());
  EXPECT_TRUE(report.mask_recovered);
  EXPECT_EQ(report.n_expert_checked, 30U);
}

TEST_F(VerifyChild, FindsOneFlippedByteInAnExpert) {
  auto& bytes = tampered_.tensor("blk.1.ffn_up_exps.weight").bytes;
  const std::size_t slab = bytes.size() / 3;
  bytes[2 * slab + 77] ^= std::byte{0x10};
  expect_found(verify_tampered(), "blk.1.ffn_up_exps.weight",
               "kept expert 2 (the parent's 7) differs at byte 77 (");
}

TEST_F(VerifyChild, FindsOneFlippedByteElsewhere) {
  tampered_.tensor("blk.0.attn_q.weight").bytes[100] ^= std::byte{1};
  expect_found(verify_tampered(), "blk.0.attn_q.weight", "differs at byte 100 (");
  tampered_.tensor("blk.0.attn_q.weight").bytes[100] ^= std::byte{1};
  EXPECT_TRUE(verify_tampered().ok());
}

TEST_F(VerifyChild, FindsEveryFlippedByteOfTheFile) {
  const auto text = value_of(read_text(child_));
  // The version and a mask's recipe may say anything; the claims in the mask have tests of their
  // own.
  const auto version = text.find("coe.version") + 11 + 4 + 8;
  const auto mask = text.find("coe.mask") + 8 + 4 + 8;
  const auto mask_end = text.find("}\n", mask) + 2;
  std::fstream file(child_, std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](std::size_t at, char byte) {
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte).flush();
  };
  for (std::size_t at = 0; at < text.size(); at += at < 4096 ? 5 : 101) {
    if (at >= version && at < version + tool_version().size()) continue;
    if (at >= mask && at < mask_end) continue;
    put(at, static_cast<char>(text[at] ^ 0x04));
    const auto report = verify_child(parent_, child_, std::nullopt, nullptr, silent_observer());
    EXPECT_FALSE(report.has_value() && report->ok()) << at;
    put(at, text[at]);
  }
}

TEST_F(VerifyChild, FindsSwappedExperts) {
  auto& bytes = tampered_.tensor("blk.0.ffn_down_exps.weight").bytes;
  const auto slab = static_cast<std::ptrdiff_t>(bytes.size() / 3);
  std::swap_ranges(bytes.begin(), bytes.begin() + slab, bytes.begin() + slab);
  const auto report = verify_tampered();
  ASSERT_EQ(report.bad.size(), 2U);
  EXPECT_EQ(report.bad[0].where, "blk.0.ffn_down_exps.weight");
  EXPECT_THAT(report.bad[0].message, HasSubstr("kept expert 0 (the parent's 1) differs"));
  EXPECT_THAT(report.bad[1].message, HasSubstr("kept expert 1 (the parent's 3) differs"));
}

TEST_F(VerifyChild, FindsSwappedRouterRows) {
  cut(false);
  auto& bytes = tampered_.tensor("blk.0.ffn_gate_inp.weight").bytes;
  const auto row = static_cast<std::ptrdiff_t>(bytes.size() / 3);
  std::swap_ranges(bytes.begin(), bytes.begin() + row, bytes.begin() + row);
  expect_found(verify_tampered(), "blk.0.ffn_gate_inp.weight", "row 1 is out of order");
}

TEST_F(VerifyChild, FindsForeignRouterRows) {
  cut(false);
  tampered_.tensor("blk.1.ffn_gate_inp.weight").bytes[0] ^= std::byte{1};
  expect_found(verify_tampered(), "blk.1.ffn_gate_inp.weight", "row 0 is no row of the parent's");
}

TEST_F(VerifyChild, FindsAChangedKey) {
  tampered_.set("qwen3moe.context_length", gguf::Value::u32(513));
  expect_found(verify_tampered(), "key `qwen3moe.context_length`",
               "has another value (u32 513 vs u32 512)");
}

TEST_F(VerifyChild, FindsAKeyOfAnotherType) {
  tampered_.set("qwen3moe.context_length", gguf::Value::u64(512));
  expect_found(verify_tampered(), "key `qwen3moe.context_length`", "(u64 512 vs u32 512)");
}

TEST_F(VerifyChild, FindsMissingAndAddedKeys) {
  tampered_.erase("tokenizer.ggml.model");
  tampered_.set("tokenizer.chat_template", gguf::Value::string("{{ x }}"));
  const auto report = verify_tampered();
  ASSERT_EQ(report.bad.size(), 2U);
  EXPECT_EQ(report.bad[0].where, "key `tokenizer.ggml.model`");
  EXPECT_EQ(report.bad[0].message, "is missing");
  EXPECT_EQ(report.bad[1].where, "key `tokenizer.chat_template`");
  EXPECT_EQ(report.bad[1].message, "is not in the parent");
}

TEST_F(VerifyChild, FindsReorderedKeys) {
  std::swap(tampered_.keys[2], tampered_.keys[3]);
  expect_found(verify_tampered(), "key `qwen3moe.context_length`", "stands where");
}

TEST_F(VerifyChild, FindsADroppedTensor) {
  tampered_.erase_tensor("output_norm.weight");
  expect_found(verify_tampered(), "output_norm.weight", "is missing");
}

TEST_F(VerifyChild, FindsAnAddedTensor) {
  tampered_.tensors.push_back(testing::tiny_tensor("extra", "F32", {1}, 1));
  expect_found(verify_tampered(), "extra", "is not in the parent");
}

TEST_F(VerifyChild, FindsReorderedTensors) {
  std::swap(tampered_.tensors[1], tampered_.tensors[2]);
  expect_found(verify_tampered(), "blk.0.attn_q.weight", "stands where `blk.0.attn_norm.weight`");
}

TEST_F(VerifyChild, FindsAnotherTypeOrShape) {
  tampered_.tensor("blk.0.attn_q.weight").info.type = gguf::type_from_name("BF16").value();
  expect_found(verify_tampered(), "blk.0.attn_q.weight", "has another type (BF16 vs F16)");
  cut(true);
  tampered_.tensor("token_embd.weight").info.ne = {5, 32, 1, 1};
  expect_found(verify_tampered(), "token_embd.weight", "has another shape ([5, 32] vs [32, 5])");
}

TEST_F(VerifyChild, FindsATensorThatWasNotCut) {
  tampered_.tensor("blk.0.exp_probs_b.bias") = model_.tensor("blk.0.exp_probs_b.bias");
  const auto report = verify_tampered();
  ASSERT_EQ(report.bad.size(), 2U);
  EXPECT_EQ(report.bad[0].where, "blk.0.exp_probs_b.bias");
  EXPECT_EQ(report.bad[0].message, "has another shape ([8] vs [3])");
  EXPECT_THAT(report.bad[1].message, HasSubstr("does not end in the expert dimension"));
}

TEST_F(VerifyChild, FindsExtraBytesAtTheEnd) {
  std::ofstream(child_, std::ios::binary | std::ios::app) << "extra";
  const auto size = std::filesystem::file_size(child_);
  expect_found(verify(), "file",
               "has the wrong length (" + std::to_string(size) + " bytes vs " +
                   std::to_string(size - 5) + ")");
}

TEST_F(VerifyChild, FindsPaddingThatIsNotZero) {
  const auto header = value_of(gguf::GgufFile::open(child_)).header();
  std::uint64_t at = 0;
  for (const auto& tensor : header.tensors)
    if (tensor.n_bytes % 32 != 0) at = header.data_offset + tensor.offset + tensor.n_bytes;
  ASSERT_NE(at, 0U);  // the selection bias of 3 values has padding
  std::fstream file(child_, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(at));
  file.put('x');
  file.close();
  expect_found(verify(), "file", "is not zero at byte " + std::to_string(at));
}

TEST_F(VerifyChild, FindsPaddingOfTheHeaderThatIsNotZero) {
  const auto header = value_of(gguf::GgufFile::open(child_)).header();
  std::fstream file(child_, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(header.data_offset - 1));
  ASSERT_EQ(file.get(), 0);
  // The last tensor info ends in the high bytes of an offset, so this is padding only if a padding
  // byte exists at all.
  const auto& last = header.tensors.back();
  ASSERT_LT(last.offset, 1U << 24);
  file.seekp(static_cast<std::streamoff>(header.data_offset - 1));
  file.put('x');
  file.close();
  const auto report = verify_child(parent_, child_, std::nullopt, nullptr, silent_observer());
  EXPECT_FALSE(report.has_value() && report->ok());
}

TEST_F(VerifyChild, FindsAnotherMaskThanTheOneGiven) {
  auto other = kKept;
  other[1] = {0, 2, 6};
  const auto report = verify(mask_of(other));
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.bad[0].where, "key `coe.mask`");
  EXPECT_EQ(report.bad[0].message, "keeps other experts of layer 1 than the mask given");
  EXPECT_THAT(report.bad[1].message, HasSubstr("kept expert 2 (the parent's 6) differs"));
}

TEST_F(VerifyChild, FindsAMaskOfAnotherCount) {
  cut(false);
  const auto report = verify(mask_of({{0, {1, 3}}, {1, {0, 2}}}));
  expect_found(report, "file", "has 3 experts a layer, the mask keeps 2");
}

TEST_F(VerifyChild, FindsFalseRecords) {
  tampered_.set("coe.parent.digest", gguf::Value::string("xxh3:0"));
  expect_found(verify_tampered(), "key `coe.parent.digest`", "does not fit (`xxh3:0` vs `xxh3:");
  cut(true);
  tampered_.set("coe.n_keep", gguf::Value::u32(4));
  expect_found(verify_tampered(), "key `coe.n_keep`", "does not fit (4 vs 3)");
  cut(true);
  tampered_.set("coe.parent.n_expert", gguf::Value::u32(9));
  expect_found(verify_tampered(), "key `coe.parent.n_expert`", "does not fit (9 vs 8)");
  cut(true);
  tampered_.set("coe.parent.name", gguf::Value::string("Other"));
  expect_found(verify_tampered(), "key `coe.parent.name`", "does not fit (`Other` vs `Tiny`)");
}

// A child that uses one expert a token of the two that its parent does.
class VerifyUsed : public VerifyChild {
 protected:
  VerifyUsed() { cut_to(mask_of(kKept)); }
  void cut_to(const KeepMask& mask) {
    const auto file = value_of(gguf::GgufFile::open(parent_));
    const auto moe = value_of(describe_moe(file));
    const auto plan = value_of(plan_surgery(file, moe, mask, {.n_used = 1}));
    expect_ok(apply_plan(file, plan, child_, Overwrite::kAllow, silent_observer()));
    const auto made = value_of(gguf::GgufFile::open(child_));
    tampered_.keys = made.header().keys;
    tampered_.tensors.clear();
    for (const auto& tensor : made.header().tensors)
      tampered_.tensors.push_back({tensor, value_of(made.read_all(tensor))});
  }
  static constexpr const char* kCount = "qwen3moe.expert_used_count";
};

TEST_F(VerifyUsed, AcceptsWhatIsRecorded) {
  const auto report = verify();
  EXPECT_TRUE(report.ok()) << report.bad[0].where << ": " << report.bad[0].message;
  EXPECT_EQ(report.n_used, 1U);
  EXPECT_TRUE(verify(mask_of(kKept)).ok());
  cut(true);
  EXPECT_EQ(verify().n_used, 0U);
}

TEST_F(VerifyUsed, AcceptsAChildThatKeepsAllExperts) {
  const auto file = value_of(gguf::GgufFile::open(parent_));
  const auto all = mask_of_all(value_of(describe_moe(file)));
  cut_to(all);
  for (const auto& mask : {std::optional<KeepMask>(), std::optional(all)}) {
    const auto report = verify(mask);
    EXPECT_TRUE(report.ok()) << report.bad[0].where << ": " << report.bad[0].message;
    EXPECT_FALSE(report.zeroed);
    EXPECT_EQ(report.n_expert_checked, 2U * 5 * 8);
  }
  tampered_.tensor("blk.1.ffn_up_exps.weight").bytes[7] ^= std::byte{1};
  expect_found(verify_tampered(), "blk.1.ffn_up_exps.weight", "differs at byte 7");
  // Without the record nothing says why all of them are there.
  cut_to(all);
  tampered_.erase("coe.n_used");
  EXPECT_FALSE(verify_tampered().ok());
}

TEST_F(VerifyUsed, FindsACountThatIsNotTheRecordedOne) {
  tampered_.set(kCount, gguf::Value::u32(2));
  expect_found(verify_tampered(), fmt::format("key `{}`", kCount), "u32 2 vs u32 1");
  tampered_.set(kCount, gguf::Value::u64(1));
  expect_found(verify_tampered(), fmt::format("key `{}`", kCount), "u64 1 vs u32 1");
  tampered_.set(kCount, gguf::Value::u32(1));
  tampered_.erase("coe.n_used");
  expect_found(verify_tampered(), fmt::format("key `{}`", kCount), "u32 1 vs u32 2");
}

TEST_F(VerifyChild, FindsACountThatNothingRecords) {
  tampered_.set("qwen3moe.expert_used_count", gguf::Value::u32(1));
  expect_found(verify_tampered(), "key `qwen3moe.expert_used_count`", "u32 1 vs u32 2");
}

TEST_F(VerifyUsed, FindsARecordThatCannotBe) {
  // As the count is the parent's then, it is the second finding.
  const auto first_of = [&](const gguf::Value& record) {
    tampered_.set("coe.n_used", record);
    const auto report = verify_tampered();
    EXPECT_EQ(report.bad.size(), 2U);
    EXPECT_EQ(report.bad.at(0).where, "key `coe.n_used`");
    return report.bad.at(0).message;
  };
  EXPECT_THAT(first_of(gguf::Value::u32(0)), HasSubstr("does not fit (0 vs 1 to 1"));
  EXPECT_THAT(first_of(gguf::Value::u32(2)), HasSubstr("does not fit (2 vs 1 to 1"));
  EXPECT_THAT(first_of(gguf::Value::u64(1)), HasSubstr("has the wrong type (u64 vs u32)"));
  EXPECT_THAT(first_of(gguf::Value::string("1")), HasSubstr("has the wrong type (str vs u32)"));
  cut(false);
  tampered_.set("coe.n_used", gguf::Value::u32(1));
  expect_found(verify_tampered(), "key `coe.n_used`", "stands without the other records");
}

TEST_F(VerifyChild, AcceptsTheParentsNames) {
  cut(false);
  for (const auto* key : {"general.name", "general.size_label"})
    EXPECT_EQ(tampered_.keys.size(), model_.keys.size()) << key;
  EXPECT_TRUE(verify_tampered().ok());
}

TEST_F(VerifyChild, FindsANameThatTheCutDoesNotGive) {
  for (const auto* name : {"Tiny 4 of 8 experts", "Tiny 3 of 9 experts", "Other 3 of 8 experts"}) {
    cut(true);
    tampered_.set("general.name", gguf::Value::string(name));
    expect_found(verify_tampered(), "key `general.name`", "vs `Tiny 3 of 8 experts`)");
  }
  cut(true);
  tampered_.set("general.name", gguf::Value::u32(3));
  expect_found(verify_tampered(), "key `general.name`",
               "does not fit (3 vs `Tiny 3 of 8 experts`)");
  cut(true);
  tampered_.erase("general.name");
  const auto report = verify_tampered();
  ASSERT_FALSE(report.ok());
  EXPECT_EQ(report.bad[0].where, "key `general.name`");
}

TEST_F(VerifyChild, HoldsAGivenNameToItsRecord) {
  tampered_.set("general.name", gguf::Value::string("My model"));
  tampered_.set("coe.name", gguf::Value::string("My model"));
  EXPECT_TRUE(verify_tampered().ok());
  tampered_.set("general.name", gguf::Value::string("My modem"));
  expect_found(verify_tampered(), "key `general.name`", "does not fit (`My modem` vs `My model`)");
  tampered_.set("general.name", gguf::Value::u32(3));
  tampered_.set("coe.name", gguf::Value::u32(3));
  expect_found(verify_tampered(), "key `coe.name`", "has the wrong type (u32 vs str)");
  cut(false);
  tampered_.set("general.name", gguf::Value::string("My model"));
  tampered_.set("coe.name", gguf::Value::string("My model"));
  expect_found(verify_tampered(), "key `coe.name`", "stands without the other records");
}

TEST_F(VerifyChild, FindsAFalseSizeLabel) {
  tampered_.set("general.size_label", gguf::Value::string("3x7B"));
  expect_found(verify_tampered(), "key `general.size_label`", "does not fit (`3x7B` vs `3x");
}

TEST_F(VerifyChild, FindsFalseAncestors) {
  tampered_.set("general.base_model.0.name", gguf::Value::string("Other"));
  expect_found(verify_tampered(), "key `general.base_model.0.name`",
               "does not fit (`Other` vs `Tiny`)");
  cut(true);
  tampered_.set("general.base_model.0.organization", gguf::Value::string("Anyone"));
  expect_found(verify_tampered(), "key `general.base_model.0.organization`",
               "is of no ancestor of the parent");
  cut(true);
  tampered_.erase("general.base_model.count");
  expect_found(verify_tampered(), "key `general.base_model.count`", "is missing");
  cut(true);
  tampered_.set("general.author", gguf::Value::string("Anyone"));
  expect_found(verify_tampered(), "key `general.author`", "is not in the parent");
}

TEST_F(VerifyChild, FallsBackToTheRouterWhenTheEmbeddedMaskIsBroken) {
  tampered_.set("coe.mask", gguf::Value::string("{not json"));
  const auto report = verify_tampered();
  ASSERT_EQ(report.bad.size(), 1U);
  EXPECT_EQ(report.bad[0].where, "key `coe.mask`");
  EXPECT_EQ(report.n_expert_checked, 30U);
  tampered_.set("coe.mask", gguf::Value::u32(7));
  expect_found(verify_tampered(), "key `coe.mask`", "has the wrong type (u32 vs str)");
}

TEST_F(VerifyChild, IgnoresOtherRecordsOfCoe) {
  tampered_.set("coe.future", gguf::Value::string("a later version's record"));
  EXPECT_TRUE(verify_tampered().ok());
}

TEST_F(VerifyChild, FindsValuesThatAreNotFiniteEvenWhenTheParentHasThem) {
  // In the parent too, so that the bytes are equal.
  auto model = model_;
  auto& up = model.tensor("blk.1.ffn_up_exps.weight").bytes;
  const std::size_t slab = up.size() / 8;
  const std::uint16_t nan = 0x7e00;
  std::memcpy(up.data() + 2 * slab + 5 * 34, &nan, sizeof(nan));  // expert 2, block 5
  const float infinity = std::numeric_limits<float>::infinity();
  std::memcpy(model.tensor("output_norm.weight").bytes.data() + 12, &infinity, sizeof(infinity));
  write_tiny(parent_, model);
  cut(true);
  const auto report = verify();
  ASSERT_EQ(report.bad.size(), 2U);
  EXPECT_EQ(report.bad[0].where, "blk.1.ffn_up_exps.weight");
  EXPECT_EQ(report.bad[0].message, "kept expert 1 (the parent's 2) is not finite in block 5");
  EXPECT_EQ(report.bad[1].where, "output_norm.weight");
  EXPECT_EQ(report.bad[1].message, "is not finite in value 3");
}

TEST_F(VerifyChild, ListsAtMostAHundredFindings) {
  for (int i = 0; i < 150; ++i) tampered_.set("extra." + std::to_string(i), gguf::Value::u32(1));
  EXPECT_EQ(verify_tampered().bad.size(), 100U);
}

TEST_F(VerifyChild, RefusesWhatCannotBeChecked) {
  expect_error(verify_child(dir_ / "absent", child_, std::nullopt, nullptr, silent_observer()),
               Code::kNotFound, "absent");
  const Path dense = write_tiny(dir_ / "dense.gguf", tiny_dense());
  expect_error(verify_child(dense, child_, std::nullopt, nullptr, silent_observer()),
               Code::kUnsupported, "dense.gguf: no expert tensors");
  expect_error(verify_child(parent_, dense, std::nullopt, nullptr, silent_observer()),
               Code::kMismatch, "dense.gguf: key `qwen3moe.expert_count` is missing");
  expect_error(verify_child(parent_, child_, mask_of({{0, {1, 2}}, {5, {1, 2}}}), nullptr,
                            silent_observer()),
               Code::kMismatch, "the mask given");
  tampered_.set("qwen3moe.expert_count", gguf::Value::u32(9));
  write_tiny(child_, tampered_);
  expect_error(verify_child(parent_, child_, std::nullopt, nullptr, silent_observer()),
               Code::kMismatch, "key `qwen3moe.expert_count` is 9 vs 1 to 8");
}

TEST_F(VerifyChild, FindsAnExpertCountThatDoesNotFitTheTensors) {
  tampered_.set("qwen3moe.expert_count", gguf::Value::u32(4));
  EXPECT_FALSE(verify_tampered().ok());
}

// A file of the parent's shape whose experts are not where the parent has them.
class VerifyMoved : public VerifyChild {
 protected:
  VerifyMoved() { tampered_ = model_; }
  // Moves every expert of the tensors of `block` one place on.
  void rotate(const std::string& block) {
    for (auto& tensor : tampered_.tensors) {
      const bool of_expert = tensor.info.name.find("_exps.") != std::string::npos ||
                             tensor.info.name.find("ffn_gate_inp") != std::string::npos ||
                             tensor.info.name.find("exp_probs_b") != std::string::npos;
      if (!of_expert || !tensor.info.name.starts_with(block)) continue;
      const auto slab = static_cast<std::ptrdiff_t>(tensor.bytes.size() / 8);
      std::ranges::rotate(tensor.bytes, tensor.bytes.begin() + slab);
    }
  }
  // Zeroes the experts of `block` but those of `kept`.
  void zero(const std::string& block, const std::vector<std::size_t>& kept) {
    for (auto& tensor : tampered_.tensors) {
      const bool of_expert = tensor.info.name.find("_exps.") != std::string::npos ||
                             tensor.info.name.find("ffn_gate_inp") != std::string::npos ||
                             tensor.info.name.find("exp_probs_b") != std::string::npos;
      if (!of_expert || !tensor.info.name.starts_with(block)) continue;
      const std::size_t slab = tensor.bytes.size() / 8;
      for (std::size_t e = 0; e < 8; ++e)
        if (std::ranges::find(kept, e) == kept.end())
          std::fill_n(tensor.bytes.begin() + static_cast<std::ptrdiff_t>(e * slab), slab,
                      std::byte{0});
    }
  }
};

TEST_F(VerifyMoved, FindsThatNoExpertIsInItsPlace) {
  rotate("blk.");
  const auto report = verify_tampered();
  ASSERT_EQ(report.bad.size(), 2U);
  EXPECT_EQ(report.bad[0].where, "blk.0.ffn_down_exps.weight");
  EXPECT_THAT(report.bad[0].message, HasSubstr("none of the parent's 8 experts"));
  EXPECT_EQ(report.bad[1].where, "blk.1.ffn_down_exps.weight");
}

TEST_F(VerifyMoved, FindsItInOneLayerAmongRightOnes) {
  rotate("blk.1.");
  expect_found(verify_tampered(), "blk.1.ffn_down_exps.weight", "none of the parent's 8 experts");
}

TEST_F(VerifyMoved, FindsTwoExpertsThatChangedPlaces) {
  auto& bytes = tampered_.tensor("blk.1.ffn_down_exps.weight").bytes;
  const auto slab = static_cast<std::ptrdiff_t>(bytes.size() / 8);
  std::swap_ranges(bytes.begin(), bytes.begin() + slab, bytes.begin() + 3 * slab);
  const auto report = verify_tampered();
  EXPECT_THAT(report.bad, ::testing::Contains(::testing::Field(
                              &VerifyFinding::message, HasSubstr("expert 0 is removed but not"))));
}

// Router rows of zeros give a logit of 0, which a softmax may choose.
TEST_F(VerifyMoved, FindsZeroedExpertsThatTheRouterCanStillChoose) {
  zero("blk.0.", {1, 3, 6});
  zero("blk.1.", {0, 2, 7});
  const auto report = verify_tampered();
  ASSERT_EQ(report.bad.size(), 2U);
  EXPECT_EQ(
      report.bad[0].message,
      "layer 0 can still choose its 5 removed experts: its router has no bias that closes it");
  EXPECT_EQ(
      report.bad[1].message,
      "layer 1 can still choose its 5 removed experts: its router has no bias that closes it");
}

TEST_F(VerifyMoved, FindsLayersThatKeepDifferentNumbers) {
  zero("blk.0.", {1, 3, 6});
  zero("blk.1.", {0, 2});
  const auto report = verify_tampered();
  ASSERT_FALSE(report.bad.empty());
  EXPECT_EQ(report.bad[0].message, "layer 1 keeps 2 experts, layer 0 keeps 3");
}

TEST_F(VerifyMoved, AcceptsACopyThatKeepsAll) {
  const auto report = verify_tampered();
  EXPECT_TRUE(report.ok());
  EXPECT_EQ(report.n_keep, 8U);
  EXPECT_EQ(report.n_expert_checked, 2U * 5 * 8);
}

class Cancelling : public Observer {
 public:
  bool cancelled() override { return true; }
};

TEST_F(VerifyChild, StopsWhenAsked) {
  Cancelling observer;
  expect_error(verify_child(parent_, child_, std::nullopt, nullptr, observer), Code::kCancelled,
               "child.gguf: stopped");
}

class Progress : public Observer {
 public:
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total,
                std::string_view unit) override {
    EXPECT_EQ(stage, "verify");
    EXPECT_EQ(unit, "bytes");
    last = done;
    last_total = total;
  }
  std::uint64_t last = 0;
  std::uint64_t last_total = 1;
};

TEST_F(VerifyChild, ReportsProgressUpToTheEnd) {
  Progress observer;
  ASSERT_TRUE(value_of(verify_child(parent_, child_, std::nullopt, nullptr, observer)).ok());
  EXPECT_EQ(observer.last, observer.last_total);
}

TinyGguf with_equal_rows() {
  auto model = tiny_moe({.expert_type = "Q8_0"});
  auto& router = model.tensor("blk.0.ffn_gate_inp.weight").bytes;
  const auto row = static_cast<std::ptrdiff_t>(router.size() / 8);
  // Rows 0, 1 and 2 are equal; the mask keeps 1.
  std::copy_n(router.begin() + row, row, router.begin());
  std::copy_n(router.begin() + row, row, router.begin() + 2 * row);
  return model;
}

class VerifyEqualRows : public VerifyChild {
 protected:
  VerifyEqualRows() : VerifyChild(with_equal_rows()) {}
};

TEST_F(VerifyEqualRows, TellsThemApartByTheExperts) {
  cut(false);
  const auto report = verify();
  EXPECT_TRUE(report.ok()) << report.bad[0].message;
  EXPECT_TRUE(report.mask_recovered);
}

TEST(VerifySpecialists, AcceptsASpecialistOfASpecialist) {
  const TempDir dir;
  auto model = tiny_moe({});
  model.set("general.version", gguf::Value::string("v1"));
  model.set("general.base_model.count", gguf::Value::u32(1));
  model.set("general.base_model.0.name", gguf::Value::string("Ancestor"));
  const Path parent = write_tiny(dir / "parent.gguf", model);
  const auto prune = [](const Path& from, std::uint32_t n_expert,
                        const std::vector<std::uint32_t>& ids, const Path& to) {
    std::map<LayerId, std::vector<ExpertId>> layers;
    for (std::uint32_t layer = 0; layer < 2; ++layer)
      for (const auto id : ids) layers[LayerId{layer}].push_back(ExpertId{id});
    auto mask = value_of(KeepMask::create(n_expert, layers));
    mask.passes = {{R"({"pass":"domain","profiles":[{"domains":["web"]}]})"}};
    const auto file = value_of(gguf::GgufFile::open(from));
    const auto moe = value_of(describe_moe(file));
    const auto plan = value_of(plan_surgery(file, moe, mask, {}));
    expect_ok(apply_plan(file, plan, to, Overwrite::kRefuse, silent_observer()));
  };
  prune(parent, 8, {1, 3, 5, 7}, dir / "child.gguf");
  prune(dir / "child.gguf", 4, {1, 2}, dir / "grandchild.gguf");
  const auto verify = [&](const Path& from, const Path& to) {
    return value_of(verify_child(from, to, std::nullopt, nullptr, silent_observer()));
  };
  EXPECT_TRUE(verify(parent, dir / "child.gguf").ok());
  EXPECT_TRUE(verify(dir / "child.gguf", dir / "grandchild.gguf").ok());
  // Of the first parent it is no direct child: its records name another.
  EXPECT_FALSE(verify(parent, dir / "grandchild.gguf").ok());
}

}  // namespace
}  // namespace coe
