// The forms that a cut can take beyond one sliced file: split files in and out, MTP blocks, groups,
// chunks, token tables, mode zero. Each child is made, looked at, and proven by verify.
#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/verify/verify.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"
#include "coe/model/moe/token_table.h"

#include "support/expect.h"
#include "support/plain_ids.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using ::testing::HasSubstr;
using testing::plain_ids;
using testing::TempDir;
using testing::tiny_moe;
using testing::TinyGguf;
using testing::TinySpec;
using testing::value_of;
using testing::write_tiny;

using Ids = std::map<std::uint32_t, std::vector<std::uint32_t>>;

class Forms : public ::testing::Test {
 protected:
  Path parent(const TinySpec& spec) { return write_tiny(dir_ / "parent.gguf", tiny_moe(spec)); }

  static KeepMask mask_of(const Ids& layers) {
    std::map<LayerId, std::vector<ExpertId>> ids;
    for (const auto& [layer, experts] : layers)
      for (const auto expert : experts) ids[LayerId{layer}].push_back(ExpertId{expert});
    return value_of(KeepMask::create(0, ids));
  }

  // Cuts and proves; gives the child. `warnings` of the plan are kept.
  gguf::GgufFile cut(const Path& from, const Ids& ids, const SurgeryOptions& options = {}) {
    const auto file = value_of(gguf::GgufFile::open(from));
    const auto moe = value_of(describe_moe(file));
    const auto plan = value_of(plan_surgery(file, moe, mask_of(ids), options));
    warnings_ = plan.warnings;
    expect_ok(apply_plan(file, plan, dir_ / "child.gguf", Overwrite::kAllow, silent_observer()));
    child_ = output_paths(dir_ / "child.gguf", plan).front();
    report_ = value_of(verify_child(from, child_, std::nullopt, nullptr, silent_observer()));
    EXPECT_TRUE(report_.ok()) << report_.bad[0].where << ": " << report_.bad[0].message;
    return value_of(gguf::GgufFile::open(child_));
  }

  // Plans only.
  Result<SurgeryPlan> plan(const Path& from, const Ids& ids, const SurgeryOptions& options) {
    const auto file = value_of(gguf::GgufFile::open(from));
    const auto moe = value_of(describe_moe(file));
    return plan_surgery(file, moe, mask_of(ids), options);
  }

  static std::uint64_t key(const gguf::GgufFile& file, const std::string& name) {
    const auto* value = file.header().find_key(name);
    return value == nullptr ? 999 : value->as_uint().value_or(999);
  }

  template <class T>
  static std::vector<T> values(const gguf::GgufFile& file, const std::string& name) {
    const auto bytes = value_of(file.read_all(*file.header().find_tensor(name)));
    std::vector<T> out(bytes.size() / sizeof(T));
    std::memcpy(out.data(), bytes.data(), bytes.size());
    return out;
  }

  // One byte of a tensor in the child is changed; verify must find it.
  void expect_noticed(const std::string& tensor, std::uint64_t at, const std::string& message,
                      unsigned bits = 1) {
    const auto file = value_of(gguf::GgufFile::open(child_));
    const auto* info = file.header().find_tensor(tensor);
    const auto position = static_cast<std::streamoff>(file.position(*info) + at);
    std::fstream stream(file.part_path(info->part),
                        std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(position);
    const char old = static_cast<char>(stream.get());
    const auto poke = [&](char value) {
      stream.seekp(position);
      stream.put(value);
      stream.flush();
    };
    poke(static_cast<char>(static_cast<unsigned>(old) ^ bits));
    const auto report =
        value_of(verify_child(file_of_parent(), child_, std::nullopt, nullptr, silent_observer()));
    ASSERT_FALSE(report.ok()) << tensor;
    EXPECT_EQ(report.bad[0].where, tensor);
    EXPECT_THAT(report.bad[0].message, HasSubstr(message));
    poke(old);
  }
  Path file_of_parent() const { return dir_ / "parent.gguf"; }

  TempDir dir_;
  Path child_;
  std::vector<std::string> warnings_;
  VerifyReport report_;
};

TEST_F(Forms, WritesPartsThatJoinToTheSameModel) {
  const Path from = parent({});
  const Ids ids = {{0, {0, 3, 5, 7}}, {1, {1, 2, 4, 6}}};
  const auto whole = cut(from, ids);
  const auto split = cut(from, ids, {.split_max_bytes = 20'000});
  ASSERT_GT(split.n_part(), 2U);
  EXPECT_EQ(split.path().filename(),
            "child-00001-of-0000" + std::to_string(split.n_part()) + ".gguf");
  ASSERT_EQ(split.header().keys.size(), whole.header().keys.size());
  ASSERT_EQ(split.header().tensors.size(), whole.header().tensors.size());
  for (std::size_t i = 0; i < whole.header().tensors.size(); ++i) {
    const auto& a = whole.header().tensors[i];
    const auto& b = split.header().tensors[i];
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(value_of(whole.read_all(a)), value_of(split.read_all(b)));
  }
  for (std::size_t part = 0; part < split.n_part(); ++part) {
    const auto& header = split.part_header(part);
    EXPECT_EQ(header.find_key("split.no")->as_uint(), part);
    EXPECT_EQ(header.find_key("split.no")->type(), gguf::ValueType::kU16);
    EXPECT_EQ(header.find_key("split.count")->as_uint(), split.n_part());
    EXPECT_EQ(header.find_key("split.tensors.count")->type(), gguf::ValueType::kI32);
    // A tensor that is larger than the limit has a file of its own.
    if (header.tensors.size() > 1) {
      EXPECT_LE(header.file_bytes - header.data_offset, 20'000U);
    }
  }
  // The same identity, so profiles and masks of the whole file fit the split one.
  EXPECT_EQ(value_of(model_digest(split)), value_of(model_digest(whole)));
}

// Somebody else's file takes the first part's name while the child is written.
class Intruder : public Observer {
 public:
  explicit Intruder(Path path) : path_(std::move(path)) {}
  bool cancelled() override {
    // Not through coe: its own writers keep off each other.
    if (!std::filesystem::exists(path_)) std::ofstream(path_) << "somebody else's";
    return false;
  }

 private:
  Path path_;
};

TEST_F(Forms, SparesAFirstPartThatAppearsMeanwhile) {
  const Path from = parent({});
  const auto file = value_of(gguf::GgufFile::open(from));
  const auto moe = value_of(describe_moe(file));
  const auto plan = value_of(
      plan_surgery(file, moe, mask_of({{0, {0, 3}}, {1, {1, 2}}}), {.split_max_bytes = 20'000}));
  const auto paths = output_paths(dir_ / "child.gguf", plan);
  ASSERT_GT(paths.size(), 1U);
  Intruder intruder(paths[0]);
  expect_error(apply_plan(file, plan, dir_ / "child.gguf", Overwrite::kRefuse, intruder),
               Code::kExists, "appeared while it was being written");
  EXPECT_EQ(value_of(read_text(paths[0])), "somebody else's");
  for (std::size_t i = 1; i < paths.size(); ++i) EXPECT_FALSE(std::filesystem::exists(paths[i]));
}

TEST_F(Forms, CutsASplitParentLikeAWholeOne) {
  const Path from = parent({.alignment = 64});
  const Ids all_but_one = {{0, {0, 1, 2, 3, 4, 5, 6}}, {1, {0, 1, 2, 3, 4, 5, 6}}};
  const auto split = cut(from, all_but_one, {.split_max_bytes = 20'000});
  std::vector<Path> parts;
  for (std::size_t i = 0; i < split.n_part(); ++i) {
    parts.push_back(gguf::part_name(dir_ / "again.gguf", i, split.n_part()));
    std::filesystem::copy_file(split.part_path(i), parts.back());
  }
  const auto whole = cut(from, all_but_one);
  std::filesystem::copy_file(whole.path(), dir_ / "again.gguf");
  const Ids ids = {{0, {0, 3, 5}}, {1, {1, 2, 4}}};
  cut(dir_ / "again.gguf", ids);
  const auto expected = value_of(read_text(child_));
  cut(parts[0], ids);
  EXPECT_EQ(value_of(read_text(child_)), expected);
}

TEST_F(Forms, CutsMtpBlocksToo) {
  const Path from = parent({.n_block = 3, .n_mtp = 1});
  const auto child = cut(from, {{0, {5, 6}}, {1, {2, 7}}});
  EXPECT_THAT(warnings_, ::testing::Contains(HasSubstr("block 2 only predicts further tokens")));
  EXPECT_EQ(child.header().find_tensor("blk.2.ffn_up_exps.weight")->last_dim(), 2U);
  EXPECT_EQ(child.header().tensors.size(), tiny_moe({.n_block = 3, .n_mtp = 1}).tensors.size());
  const auto mask =
      value_of(parse_mask(*child.header().find_key("coe.mask")->as_string(), "coe.mask"));
  EXPECT_EQ(plain_ids(mask.layers()).at(2), (std::vector<std::uint32_t>{0, 1}));
  // A mask that names the block is obeyed, without records it is found again.
  const auto named = cut(from, {{0, {5, 6}}, {1, {2, 7}}, {2, {3, 4}}}, {.provenance = false});
  EXPECT_THAT(warnings_, ::testing::Not(::testing::Contains(HasSubstr("block 2"))));
  EXPECT_TRUE(report_.mask_recovered);
  expect_noticed("blk.2.ffn_up_exps.weight", 0, "kept expert 0 (the parent's 3) differs");
}

TEST_F(Forms, DropsMtpBlocks) {
  auto model = tiny_moe({.n_block = 3, .n_mtp = 1});
  const std::array<std::uint32_t, 3> per_layer = {4, 5, 6};
  model.set("qwen3moe.attention.head_count", gguf::Value::array_u32(per_layer));
  const std::array<std::uint32_t, 4> other = {1, 2, 3, 4};
  model.set("qwen3moe.rope.dimension_sections", gguf::Value::array_u32(other));
  const Path from = write_tiny(dir_ / "parent.gguf", model);
  const auto child = cut(from, {{0, {5, 6}}, {1, {2, 7}}, {2, {0, 1}}}, {.drop_mtp = true});
  EXPECT_TRUE(report_.mtp_dropped);
  EXPECT_EQ(key(child, "qwen3moe.block_count"), 2U);
  EXPECT_EQ(key(child, "qwen3moe.nextn_predict_layers"), 0U);
  EXPECT_EQ(child.header().find_key("qwen3moe.attention.head_count")->as_uint_array(),
            (std::vector<std::uint64_t>{4, 5}));
  EXPECT_EQ(child.header().find_key("qwen3moe.rope.dimension_sections")->array_size(), 4U);
  for (const auto& tensor : child.header().tensors)
    EXPECT_FALSE(tensor.name.starts_with("blk.2.")) << tensor.name;
  const auto described = value_of(describe_moe(child));
  EXPECT_EQ(described.layers.size(), 2U);
  EXPECT_TRUE(described.mtp_layers.empty());
  expect_error(plan(write_tiny(dir_ / "plain.gguf", tiny_moe({})), {{0, {0, 1}}, {1, {0, 1}}},
                    {.drop_mtp = true}),
               Code::kInvalidArgument, "has no MTP blocks to drop");
}

TEST_F(Forms, LowersTheGroupCountWhenWholeGroupsGo) {
  const Path from = parent({.architecture = "deepseek32",
                            .n_group = 4,
                            .n_group_used = 2,
                            .selection_bias = true,
                            .gating = 2});
  const auto counts = [&](const gguf::GgufFile& child) {
    return std::pair(key(child, "deepseek32.expert_group_count"),
                     key(child, "deepseek32.expert_group_used_count"));
  };
  // Three of four groups of two.
  EXPECT_EQ(counts(cut(from, {{0, {0, 1, 2, 3, 6, 7}}, {1, {2, 3, 4, 5, 6, 7}}})),
            std::pair(std::uint64_t{3}, std::uint64_t{2}));
  // As many as a token uses: grouping ends.
  EXPECT_EQ(counts(cut(from, {{0, {0, 1, 2, 3}}, {1, {2, 3, 6, 7}}})),
            std::pair(std::uint64_t{0}, std::uint64_t{0}));
  expect_error(plan(from, {{0, {0, 2, 4, 6}}, {1, {1, 3, 5, 7}}}, {}), Code::kInvalidArgument,
               "K = 4 cannot be spread evenly over 4 expert groups");
}

TEST_F(Forms, CutsChunksWithTheirExperts) {
  const Path from = parent({.architecture = "grovemoe", .n_chunk_expert = 2});
  const auto before = value_of(gguf::GgufFile::open(from));
  const auto child = cut(from, {{0, {2, 3, 6, 7}}, {1, {0, 1, 4, 5}}});
  const auto old = values<float>(before, "blk.0.ffn_up_chexps.weight");
  const auto now = values<float>(child, "blk.0.ffn_up_chexps.weight");
  ASSERT_EQ(now.size(), old.size() / 2);
  const std::size_t slab = old.size() / 4;
  EXPECT_TRUE(std::equal(now.begin(), now.begin() + static_cast<std::ptrdiff_t>(slab),
                         old.begin() + static_cast<std::ptrdiff_t>(slab)));  // chunk 1
  EXPECT_TRUE(std::equal(now.begin() + static_cast<std::ptrdiff_t>(slab), now.end(),
                         old.begin() + static_cast<std::ptrdiff_t>(3 * slab)));  // chunk 3
  expect_noticed("blk.1.ffn_up_chexps.weight", slab * sizeof(float),
                 "kept chunk 1 (the parent's 2) differs");
}

// Files may list dimensions of 1 behind the experts, or leave them out.
TEST_F(Forms, CutsTheExpertsWhateverDimensionsOfOneFollow) {
  auto model = tiny_moe({.expert_type = "Q8_0"});
  for (auto& tensor : model.tensors) tensor.info.n_dims = gguf::kMaxDims;
  write_tiny(file_of_parent(), model);
  const auto child = cut(file_of_parent(), {{0, {1, 3, 6}}, {1, {0, 2, 7}}});
  const auto* down = child.header().find_tensor("blk.0.ffn_down_exps.weight");
  EXPECT_EQ(down->ne, (std::array<std::uint64_t, 4>{32, 32, 3, 1}));
  EXPECT_EQ(child.header().find_tensor("blk.1.ffn_gate_inp.weight")->ne,
            (std::array<std::uint64_t, 4>{32, 3, 1, 1}));
  expect_noticed("blk.0.ffn_down_exps.weight", 0, "kept expert 0 (the parent's 1) differs");
}

// One chunk that holds all experts may have no dimensions at all: once a write beyond an array.
TEST_F(Forms, TakesASingleChunkOfNoDimensionsForOne) {
  auto model = tiny_moe({.architecture = "grovemoe", .n_chunk_expert = 8});
  std::size_t n_chunk = 0;
  for (auto& tensor : model.tensors) {
    if (tensor.info.name.find("_chexps") == std::string::npos) continue;
    tensor.info.n_dims = 0;
    tensor.info.ne = {1, 1, 1, 1};
    tensor.bytes.resize(sizeof(float));
    ++n_chunk;
  }
  ASSERT_GT(n_chunk, 0U);
  write_tiny(file_of_parent(), model);
  const auto report = value_of(
      verify_child(file_of_parent(), file_of_parent(), std::nullopt, nullptr, silent_observer()));
  EXPECT_TRUE(report.ok()) << report.bad[0].message;
  // No part of the experts is a whole chunk.
  EXPECT_FALSE(plan(file_of_parent(), {{0, {1, 2}}, {1, {1, 2}}}, {}));
}

TEST_F(Forms, RenumbersTokenTables) {
  const Path from = parent({.architecture = "deepseek4", .hash_blocks = {0}});
  const auto before = value_of(gguf::GgufFile::open(from));
  const auto child = cut(from, {{0, {0, 3, 4, 6}}, {1, {0, 1, 2, 5}}});
  const std::string name = "blk.0.ffn_gate_tid2eid.weight";
  const auto old = values<std::int32_t>(before, name);
  const auto now = values<std::int32_t>(child, name);
  const std::map<std::int32_t, std::int32_t> number = {{0, 0}, {3, 1}, {4, 2}, {6, 3}};
  ASSERT_EQ(now.size(), old.size());
  std::size_t n_substitute = 0;
  for (std::size_t i = 0; i < now.size(); ++i) {
    if (number.contains(old[i])) {
      EXPECT_EQ(now[i], number.at(old[i]));
    } else {
      ++n_substitute;
    }
    EXPECT_LT(now[i], 4);
    if (i % 2 == 1) {
      EXPECT_NE(now[i], now[i - 1]);  // a token uses two different experts
    }
  }
  EXPECT_GT(n_substitute, 0U);
  expect_noticed(name, 0, "token 0 names expert");
}

TEST(Substitutes, AreTheKeptExpertsMostAlike) {
  const TempDir dir;
  auto model = tiny_moe(
      {.architecture = "deepseek4", .n_block = 1, .n_embd = 2, .n_expert = 4, .hash_blocks = {0}});
  // Directions of 0, 10, 80 and 100 degrees, of different lengths: length must not count.
  const std::array<float, 8> rows = {1, 0, 9.848F, 1.736F, 0.0174F, 0.0985F, -0.174F, 0.985F};
  std::memcpy(model.tensor("blk.0.ffn_gate_inp.weight").bytes.data(), rows.data(), sizeof(rows));
  const auto file = value_of(gguf::GgufFile::open(write_tiny(dir / "m.gguf", model)));
  const auto moe = value_of(describe_moe(file));
  const std::vector<ExpertId> kept = {ExpertId{0}, ExpertId{2}};
  const auto order = value_of(substitutes(file, moe, moe.layers[0], kept));
  EXPECT_EQ(order[0], (std::vector<ExpertId>{{0}, {2}}));
  EXPECT_EQ(order[1], (std::vector<ExpertId>{{0}, {2}}));
  EXPECT_EQ(order[2], (std::vector<ExpertId>{{2}, {0}}));
  EXPECT_EQ(order[3], (std::vector<ExpertId>{{2}, {0}}));
  // Expert 1 would become 0, which the row has already.
  std::array<std::int32_t, 2> row = {1, 0};
  substitute_row(row, order);
  EXPECT_EQ(row, (std::array<std::int32_t, 2>{2, 0}));
}

TEST_F(Forms, ZeroesRemovedExpertsAndClosesTheRouter) {
  const TinySpec spec = {
      .architecture = "deepseek32", .expert_type = "Q8_0", .selection_bias = true, .gating = 2};
  const Path from = parent(spec);
  const auto before = value_of(gguf::GgufFile::open(from));
  for (const bool provenance : {true, false}) {
    const auto child = cut(from, {{0, {1, 4}}, {1, {0, 7}}},
                           {.mode = SurgeryMode::kZero, .provenance = provenance});
    EXPECT_TRUE(report_.zeroed);
    EXPECT_EQ(report_.n_keep, 2U);
    EXPECT_EQ(child.header().tensors.size(), before.header().tensors.size());
    EXPECT_EQ(key(child, "deepseek32.expert_count"), 8U);
  }
  const auto child = value_of(gguf::GgufFile::open(child_));
  const auto bias = values<float>(child, "blk.0.exp_probs_b.bias");
  const auto old_bias = values<float>(before, "blk.0.exp_probs_b.bias");
  const auto down = values<std::uint8_t>(child, "blk.0.ffn_down_exps.weight");
  const auto old_down = values<std::uint8_t>(before, "blk.0.ffn_down_exps.weight");
  const std::size_t slab = down.size() / 8;
  for (std::size_t expert = 0; expert < 8; ++expert) {
    const bool kept = expert == 1 || expert == 4;
    if (kept) {
      EXPECT_EQ(bias[expert], old_bias[expert]);
    } else {
      EXPECT_LT(bias[expert], -1e29F);
    }
    for (std::size_t i = expert * slab; i < (expert + 1) * slab; ++i)
      ASSERT_EQ(down[i], kept ? old_down[i] : 0) << expert;
  }
  expect_noticed("blk.0.ffn_down_exps.weight", 2 * slab, "expert 2 is removed but not zero");
  expect_noticed("blk.0.exp_probs_b.bias", 4 + 3, "kept expert 1 has another bias");
  expect_noticed("blk.0.exp_probs_b.bias", 3, "removed expert 0 can still be chosen",
                 0x80);  // the sign
}

TEST_F(Forms, ZeroesGptOssThroughItsRouterBias) {
  const Path from = parent({.architecture = "gpt-oss", .biases = true});
  const auto child = cut(from, {{0, {1, 4}}, {1, {0, 7}}}, {.mode = SurgeryMode::kZero});
  EXPECT_LT(values<float>(child, "blk.1.ffn_gate_inp.bias")[3], -1e29F);
}

TEST_F(Forms, RefusesToZeroARouterThatCannotBeClosed) {
  const auto refused = plan(parent({}), {{0, {1, 4}}, {1, {0, 7}}}, {.mode = SurgeryMode::kZero});
  expect_error(refused, Code::kUnsupported, "layer 0 routes by softmax without a bias");
  EXPECT_THAT(refused.error().hint, HasSubstr("--mode slice"));
}

}  // namespace
}  // namespace coe
