#include "coe/model/gguf/reader.h"

#include "coe/base/result.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"

#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace coe::gguf {
namespace {

using testing::expect_error;
using testing::TempDir;
using testing::tiny_bytes;
using testing::tiny_moe;
using testing::value_of;
using testing::write_tiny;

TEST(GgufFile, ReadsKeysAndTensorsInFileOrder) {
  const TempDir dir;
  const auto model = tiny_moe({});
  const auto file = value_of(GgufFile::open(write_tiny(dir / "tiny.gguf", model)));
  const Header& header = file.header();
  ASSERT_EQ(header.keys.size(), model.keys.size());
  for (std::size_t i = 0; i < model.keys.size(); ++i) {
    EXPECT_EQ(header.keys[i].key, model.keys[i].key);
    EXPECT_EQ(header.keys[i].value, model.keys[i].value);
  }
  ASSERT_EQ(header.tensors.size(), model.tensors.size());
  for (std::size_t i = 0; i < model.tensors.size(); ++i) {
    EXPECT_EQ(header.tensors[i].name, model.tensors[i].info.name);
    EXPECT_TRUE(
        std::ranges::equal(value_of(file.read_all(header.tensors[i])), model.tensors[i].bytes));
  }
}

TEST(GgufFile, ReadsTheBundledModel) {
  const auto file = value_of(GgufFile::open(COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf"));
  // Worked out with a few lines of Python over the same file.
  const Header& header = file.header();
  EXPECT_EQ(header.version, 3U);
  EXPECT_EQ(header.alignment, 32U);
  EXPECT_EQ(header.file_bytes, 21907008U);
  EXPECT_EQ(header.tensors.size(), 177U);
  EXPECT_EQ(header.find_key("gemma4.expert_count")->as_uint(), 128U);
  EXPECT_EQ(header.find_key("tokenizer.ggml.tokens")->array_size(), 8192U);
  const TensorInfo* tensor = header.find_tensor("blk.0.ffn_gate_up_exps.weight");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(shape_text(*tensor), "[256, 64, 128]");
  EXPECT_EQ(traits(tensor->type).name, "Q4_K");
  EXPECT_EQ(tensor->offset, 3171072U);
  EXPECT_EQ(tensor->n_bytes, 256U * 64 * 128 / 256 * 144);
  EXPECT_EQ(header.find_tensor("absent"), nullptr);
  EXPECT_EQ(header.find_key("absent"), nullptr);
}

TEST(GgufFile, HonoursAnotherAlignment) {
  const TempDir dir;
  const auto file =
      value_of(GgufFile::open(write_tiny(dir / "tiny.gguf", tiny_moe({.alignment = 4096}))));
  EXPECT_EQ(file.header().alignment, 4096U);
  EXPECT_EQ(file.header().data_offset % 4096, 0U);
  for (const auto& tensor : file.header().tensors) EXPECT_EQ(tensor.offset % 4096, 0U);
}

TEST(ParseHeader, AcceptsAPrefixThatHoldsTheHeader) {
  const auto bytes = tiny_bytes(tiny_moe({}));
  const auto whole = value_of(parse_header(bytes, bytes.size(), "tiny.gguf"));
  const auto prefix = std::span(bytes).first(whole.data_offset);
  EXPECT_EQ(value_of(parse_header(prefix, bytes.size(), "tiny.gguf")).tensors.size(),
            whole.tensors.size());
}

TEST(ParseHeader, AcceptsAFileWithoutPaddingAfterTheLastTensor) {
  auto model = tiny_moe({});
  model.tensors.push_back(testing::tiny_tensor("last", "F32", {1}, 1));
  auto bytes = tiny_bytes(model);
  bytes.resize(bytes.size() - 28);  // 4 bytes of data, 28 of padding
  EXPECT_TRUE(parse_header(bytes, bytes.size(), "tiny.gguf").has_value());
  bytes.pop_back();
  expect_error(parse_header(bytes, bytes.size(), "tiny.gguf"), Code::kCorrupt, "`last` ends at");
}

TEST(ParseHeader, AcceptsAFileWithoutTensors) {
  const auto bytes = tiny_bytes({{{"general.architecture", Value::string("llama")}}, {}});
  const auto header = value_of(parse_header(bytes, bytes.size(), "vocab.gguf"));
  EXPECT_EQ(header.data_offset, bytes.size());
}

TEST(ParseHeader, ReportsEveryTruncationWithBothSizes) {
  const auto bytes = tiny_bytes(tiny_moe({.n_block = 1, .n_embd = 4, .n_ff = 4, .n_expert = 2}));
  const auto whole = value_of(parse_header(bytes, bytes.size(), "tiny.gguf"));
  const auto& last = whole.tensors.back();  // the padding after it may be missing
  const auto end = static_cast<std::size_t>(whole.data_offset + last.offset + last.n_bytes);
  for (std::size_t n = 4; n < end; ++n) {
    const auto result = parse_header(std::span(bytes).first(n), n, "tiny.gguf");
    ASSERT_FALSE(result.has_value()) << n;
    EXPECT_EQ(static_cast<int>(result.error().code), static_cast<int>(Code::kCorrupt)) << n;
    EXPECT_THAT(result.error().message, ::testing::StartsWith("tiny.gguf: ")) << n;
    const bool names_both = result.error().message.find(std::to_string(n)) != std::string::npos &&
                            result.error().message.find("needed") != std::string::npos;
    // Counts that cannot fit in what is left are reported as such.
    EXPECT_TRUE(names_both || result.error().message.find("bytes left") != std::string::npos)
        << result.error().message;
  }
}

TEST(ParseHeader, SurvivesEveryFlippedBitOfTheHeader) {
  const auto bytes = tiny_bytes(tiny_moe({.n_block = 1, .n_embd = 4, .n_ff = 4, .n_expert = 2}));
  const auto header = value_of(parse_header(bytes, bytes.size(), "tiny.gguf"));
  std::size_t n_refused = 0;
  for (std::size_t at = 0; at < header.data_offset; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      auto broken = bytes;
      broken[at] ^= std::byte{1} << bit;
      auto result = parse_header(broken, broken.size(), "tiny.gguf");
      if (!result) {
        ++n_refused;
        continue;
      }
      // Whatever is accepted must be usable: it encodes again, and its tensors lie in the file.
      for (const auto& tensor : result->tensors)
        EXPECT_LE(result->data_offset + tensor.offset + tensor.n_bytes, broken.size());
      EXPECT_TRUE(encode_header(*result).has_value()) << at;
    }
  }
  EXPECT_GT(n_refused, header.data_offset);  // most fields are checked
}

TEST(ParseHeader, NeedsNoQuadraticTimeForManyTensors) {
  testing::TinyGguf model;
  for (int i = 0; i < 50000; ++i) {
    model.keys.push_back({"key." + std::to_string(i), Value::u32(1)});
    model.tensors.push_back(testing::tiny_tensor("t" + std::to_string(i), "F32", {1}, 1));
  }
  const auto bytes = tiny_bytes(model);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_TRUE(parse_header(bytes, bytes.size(), "many.gguf").has_value());
  // Comparing each name with all before it would take minutes under sanitizers.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

}  // namespace
}  // namespace coe::gguf
