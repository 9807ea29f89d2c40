#include "coe/child/surgery/first_blocks.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/arch_table.h"
#include "coe/model/moe/model.h"

#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::TempDir;
using testing::tiny_moe;
using testing::TinyGguf;
using testing::TinySpec;
using testing::value_of;

class FirstBlocksTest : public ::testing::Test {
 protected:
  Result<gguf::GgufFile> cut(const TinyGguf& parent, std::uint32_t n_block) {
    write_tiny(dir_ / "parent.gguf", parent);
    const auto file = value_of(gguf::GgufFile::open(dir_ / "parent.gguf"));
    const auto model = value_of(describe_moe(file));
    COE_TRY(const auto plan, plan_first_blocks(file, model, n_block));
    expect_ok(apply_plan(file, plan, dir_ / "blocks.gguf", Overwrite::kAllow, silent_observer()));
    return gguf::GgufFile::open(dir_ / "blocks.gguf");
  }

  TempDir dir_;
};

// Every tensor of the first blocks, and of none, byte for byte; no other.
TEST_F(FirstBlocksTest, KeepsTheTensorsAsTheyAre) {
  const auto blocks = value_of(cut(tiny_moe({.n_block = 4, .shared_expert = true}), 2));
  const auto parent = value_of(gguf::GgufFile::open(dir_ / "parent.gguf"));
  std::size_t n = 0;
  for (const auto& tensor : parent.header().tensors) {
    const auto name = split_block_name(tensor.name);
    const auto* const kept = blocks.header().find_tensor(tensor.name);
    ASSERT_EQ(kept != nullptr, !name || name->block.value < 2) << tensor.name;
    if (kept == nullptr) continue;
    ++n;
    EXPECT_EQ(kept->ne, tensor.ne);
    EXPECT_EQ(value_of(blocks.read_all(*kept)), value_of(parent.read_all(tensor))) << tensor.name;
  }
  EXPECT_EQ(blocks.header().tensors.size(), n);
  const auto model = value_of(describe_moe(blocks));
  EXPECT_EQ(model.n_block, 2U);
  EXPECT_EQ(model.layers.size(), 2U);
}

TEST_F(FirstBlocksTest, CutsKeysOfSingleBlocks) {
  auto parent = tiny_moe({.n_block = 4});
  parent.set("qwen3moe.attention.head_count_kv",
             gguf::Value::array_u32(std::vector<std::uint32_t>{1, 2, 3, 4}));
  parent.set("qwen3moe.attention.head_count", gguf::Value::u32(4));
  parent.set("coe.mask", gguf::Value::string("of the whole"));
  parent.set("general.description", gguf::Value::string("d"));
  const auto blocks = value_of(cut(parent, 3));
  const auto& header = blocks.header();
  EXPECT_EQ(header.find_key("qwen3moe.block_count")->as_uint(), 3U);
  EXPECT_EQ(header.find_key("qwen3moe.attention.head_count_kv")->as_uint_array(),
            (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(header.find_key("qwen3moe.attention.head_count")->as_uint(), 4U);
  EXPECT_EQ(header.find_key("coe.mask"), nullptr);
  EXPECT_EQ(header.find_key("general.description")->as_string(), "d");
  EXPECT_EQ(header.find_key("coe.first_blocks")->as_uint(), 3U);
  EXPECT_EQ(header.find_key("coe.first_blocks.parent.name")->as_string(), "Tiny");
}

TEST_F(FirstBlocksTest, LosesBlocksThatPredictFurtherTokens) {
  const auto blocks = value_of(cut(
      tiny_moe({.architecture = "glm4moe", .n_block = 4, .selection_bias = true, .n_mtp = 1}), 3));
  EXPECT_EQ(blocks.header().find_key("glm4moe.nextn_predict_layers")->as_uint(), 0U);
  EXPECT_EQ(value_of(describe_moe(blocks)).n_mtp, 0U);
  expect_error(
      cut(tiny_moe({.architecture = "glm4moe", .n_block = 4, .selection_bias = true, .n_mtp = 1}),
          4),
      Code::kInvalidArgument, "where there are 3");
}

// Frequencies that no windowed block asks for must go, or llama.cpp refuses the file.
TEST_F(FirstBlocksTest, OfGemmaKeepTheirFrequenciesWhereTheyAreAskedFor) {
  auto parent = tiny_moe({.architecture = "gemma4", .n_block = 4});
  parent.set("gemma4.attention.sliding_window_pattern",
             gguf::Value::array_u32(std::vector<std::uint32_t>{0, 1, 1, 0}));
  parent.tensors.push_back(testing::tiny_tensor("rope_freqs.weight", "F32", {8}, 1));
  expect_error(cut(parent, 1), Code::kInvalidArgument, "sliding window");
  EXPECT_NE(value_of(cut(parent, 2)).header().find_tensor("rope_freqs.weight"), nullptr);
  parent.erase_tensor("rope_freqs.weight");
  parent.set("gemma4.attention.sliding_window_pattern",
             gguf::Value::array_u32(std::vector<std::uint32_t>{1, 1, 0, 1}));
  parent.set("gemma4.attention.shared_kv_layers", gguf::Value::u32(1));
  parent.set("gemma4.embedding_length_per_layer_input", gguf::Value::u32(0));
  parent.tensors.push_back(testing::tiny_tensor("rope_freqs.weight", "F32", {8}, 1));
  EXPECT_EQ(value_of(cut(parent, 2)).header().find_tensor("rope_freqs.weight"), nullptr);
  const auto three = value_of(cut(parent, 3));
  EXPECT_NE(three.header().find_tensor("rope_freqs.weight"), nullptr);
  EXPECT_EQ(three.header().find_key("gemma4.attention.shared_kv_layers")->as_uint(), 0U);
  expect_error(cut(parent, 4), Code::kUnsupported, "shared_kv_layers");
  parent.set("gemma4.embedding_length_per_layer_input", gguf::Value::u32(32));
  expect_error(cut(parent, 2), Code::kUnsupported, "embedding_length_per_layer_input");
}

TEST_F(FirstBlocksTest, RefusesWhatItDoesNotKnow) {
  expect_error(cut(tiny_moe({.architecture = "deepseek2"}), 1), Code::kUnsupported, "deepseek2");
  auto parent = tiny_moe({});
  parent.set("qwen3moe.magic_of_each_block", gguf::Value::u32(1));
  expect_error(cut(parent, 1), Code::kUnsupported, "key `qwen3moe.magic_of_each_block`");
  parent = tiny_moe({.n_block = 3});
  parent.set("qwen3moe.feed_forward_length",
             gguf::Value::array_u32(std::vector<std::uint32_t>{1, 2}));
  expect_error(cut(parent, 1), Code::kUnsupported, "an array of 2 values for 3 blocks");
  expect_error(cut(tiny_moe({}), 0), Code::kInvalidArgument, "0 first blocks");
  expect_error(cut(tiny_moe({}), 3), Code::kInvalidArgument, "3 first blocks");
}

TEST(BlocksOfLayers, CountsDenseBlocksToo) {
  const TempDir dir;
  write_tiny(dir / "p.gguf", tiny_moe({.n_block = 4, .dense_blocks = {0, 2}}));
  const auto model = value_of(describe_moe(value_of(gguf::GgufFile::open(dir / "p.gguf"))));
  EXPECT_EQ(value_of(blocks_of_layers(model, 1)), 2U);
  EXPECT_EQ(value_of(blocks_of_layers(model, 2)), 4U);
  expect_error(blocks_of_layers(model, 0), Code::kInvalidArgument, "0 layers asked for");
  expect_error(blocks_of_layers(model, 3), Code::kInvalidArgument, "where 2 route");
}

TEST(HasFirstBlocks, NamesArchitecturesThatExist) {
  EXPECT_TRUE(has_first_blocks("gemma4"));
  EXPECT_TRUE(has_first_blocks("bailingmoe"));
  EXPECT_TRUE(has_first_blocks("qwen3moe"));
  EXPECT_FALSE(has_first_blocks("deepseek2"));
  EXPECT_FALSE(has_first_blocks("unheard-of"));
}

}  // namespace
}  // namespace coe
