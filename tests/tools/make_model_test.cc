// The models that tests and benchmarks are fed with: as large as the real ones, and free of faults.
#include "coe/child/verify/finite.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/writer.h"
#include "coe/model/moe/model.h"

#include "make_model/fill.h"
#include "make_model/mask.h"
#include "make_model/shape.h"
#include "make_model/write.h"
#include "support/expect.h"
#include "support/temp_dir.h"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace coe::tools {
namespace {

using coe::testing::expect_error;
using coe::testing::TempDir;
using coe::testing::value_of;

gguf::Header header_of(const SyntheticModel& model) {
  gguf::Header header;
  header.keys = model.keys;
  for (const auto& tensor : model.tensors) header.tensors.push_back(tensor.info);
  EXPECT_TRUE(gguf::encode_header(header).has_value());
  return header;
}

std::string type_of(const gguf::Header& header, const std::string& name) {
  const auto* tensor = header.find_tensor(name);
  return tensor == nullptr ? "absent" : std::string(gguf::traits(tensor->type).name);
}

// Source: llama-quantize's rule for 30 layers, worked out by hand.
TEST(MakeModelShape, Gemma4HasTheTypesOfQ4KM) {
  const auto header = header_of(value_of(build_model({.shape = "gemma4-26b-a4b"})));
  const std::set<int> more_bits = {0, 1, 2, 5, 8, 11, 14, 17, 20, 23, 26, 27, 28, 29};
  int n_value = 0;
  int n_value_more_bits = 0;
  for (int layer = 0; layer < 30; ++layer) {
    const auto in = [&](const char* suffix) { return fmt::format("blk.{}.{}", layer, suffix); };
    const std::string down = more_bits.contains(layer) ? "Q8_0" : "Q5_0";
    EXPECT_EQ(type_of(header, in("ffn_down_exps.weight")), down);
    EXPECT_EQ(type_of(header, in("ffn_down.weight")), down);
    EXPECT_EQ(type_of(header, in("ffn_gate_up_exps.weight")), "Q4_K");
    EXPECT_EQ(type_of(header, in("ffn_gate_inp.weight")), "F32");
    const auto value = type_of(header, in("attn_v.weight"));
    EXPECT_EQ(value == "absent", layer % 6 == 5);
    n_value += value == "absent" ? 0 : 1;
    n_value_more_bits += value == "Q6_K" ? 1 : 0;
  }
  EXPECT_EQ(n_value, 25);
  EXPECT_EQ(n_value_more_bits, 13);
  EXPECT_EQ(type_of(header, "token_embd.weight"), "Q6_K");
  EXPECT_NEAR(static_cast<double>(header.file_bytes - header.data_offset), 16.78e9, 0.01e9);
  EXPECT_NEAR(static_cast<double>(header.data_offset), 15e6, 1e6);
}

TEST(MakeModelShape, FullSizesAreThoseOfTheRealModels) {
  struct Case {
    const char* shape;
    double billion;
  };
  for (const auto& [shape, billion] : {Case{"gemma4-26b-a4b", 25.2}, Case{"qwen3-30b-a3b", 30.5},
                                       Case{"glm-4.5-air", 110.5}, Case{"gpt-oss-120b", 116.8}}) {
    const auto model = value_of(build_model({.shape = shape, .vocabulary = false}));
    double n = 0;
    for (const auto& tensor : model.tensors)
      n += static_cast<double>(tensor.info.ne[0] * tensor.info.ne[1] * tensor.info.ne[2]);
    EXPECT_NEAR(n / 1e9, billion, 0.1) << shape;
  }
}

TEST(MakeModelShape, RefusesCountsThatCannotBeLoaded) {
  expect_error(build_model({.shape = "gemma5"}), Code::kInvalidArgument, "unknown shape");
  expect_error(build_model({.shape = "qwen3-30b-a3b", .n_layer = 512}), Code::kInvalidArgument,
               "too many layers");
  expect_error(build_model({.shape = "qwen3-30b-a3b", .n_expert = 7}), Code::kInvalidArgument,
               "7 vs 8 to 1024");
  expect_error(build_model({.shape = "qwen3-30b-a3b", .n_vocab = 10}), Code::kInvalidArgument,
               "too few tokens");
}

TEST(MakeModelFill, IsFiniteAndOfTheSizeAskedFor) {
  for (const auto* name : {"F32", "F16", "Q8_0", "Q5_0", "Q6_K", "Q4_K", "MXFP4"}) {
    const auto type = gguf::type_from_name(name).value();
    ASSERT_TRUE(can_fill(type)) << name;
    std::vector<std::byte> bytes(1000 * gguf::traits(type).block_bytes);
    Rng rng(7);
    fill(type, {0.0F, 0.02F}, bytes, rng);
    EXPECT_FALSE(first_not_finite(type, bytes).has_value()) << name;
  }
  EXPECT_FALSE(can_fill(gguf::type_from_name("IQ1_S").value()));
}

TEST(MakeModelFill, FloatsAreNormal) {
  std::vector<std::byte> bytes(sizeof(float) * 100000);
  Rng rng(3);
  fill(gguf::type_from_name("F32").value(), {1.0F, 0.5F}, bytes, rng);
  std::vector<float> values(100000);
  std::memcpy(values.data(), bytes.data(), bytes.size());
  double sum = 0;
  double squares = 0;
  for (const float value : values) {
    sum += value;
    squares += (value - 1.0) * (value - 1.0);
  }
  EXPECT_NEAR(sum / 1e5, 1.0, 0.01);  // six times the standard error
  EXPECT_NEAR(std::sqrt(squares / 1e5), 0.5, 0.01);
}

// A file of a test, read whole.
struct Contents {
  explicit Contents(const Path& path)
      : text(value_of(read_text(path))),
        header(value_of(gguf::parse_header(bytes(), text.size(), path.string()))) {}

  std::span<const std::byte> bytes() const { return std::as_bytes(std::span(text)); }
  std::span<const std::byte> data(const gguf::TensorInfo& tensor) const {
    return bytes().subspan(header.data_offset + tensor.offset, tensor.n_bytes);
  }

  std::string text;
  gguf::Header header;
};

class MakeModelWrite : public ::testing::Test {
 protected:
  static SyntheticModel small(bool vocabulary = false) {
    return value_of(build_model({.shape = "qwen3-30b-a3b",
                                 .n_layer = 2,
                                 .n_expert = 8,
                                 .n_vocab = 1000,
                                 .vocabulary = vocabulary}));
  }
  TempDir dir_;
};

TEST_F(MakeModelWrite, GivesAModelWithFiniteWeights) {
  const WriteOptions options{.output = dir_ / "model.gguf", .seed = 5};
  const auto written = value_of(write_model(small(true), options));
  ASSERT_EQ(written.size(), 1U);
  const Contents file(dir_ / "model.gguf");
  EXPECT_EQ(written[0].n_bytes, file.text.size());
  const auto moe = value_of(describe_moe(value_of(gguf::GgufFile::open(dir_ / "model.gguf"))));
  EXPECT_EQ(moe.layers.size(), 2U);
  EXPECT_EQ(moe.n_expert, 8U);
  for (const auto& tensor : file.header.tensors)
    EXPECT_FALSE(first_not_finite(tensor.type, file.data(tensor)).has_value()) << tensor.name;
  EXPECT_EQ(file.header.find_key("tokenizer.ggml.tokens")->array_size(), 1000U);
  const auto tokens = file.header.find_key("tokenizer.ggml.tokens")->as_string_array().value();
  EXPECT_EQ(std::set<std::string>(tokens.begin(), tokens.end()).size(), 1000U);
}

TEST_F(MakeModelWrite, MasksFitTheModel) {
  const auto model = value_of(build_model({.shape = "glm-4.5-air",
                                           .n_layer = 2,
                                           .n_expert = 10,
                                           .n_vocab = 1000,
                                           .vocabulary = false}));
  const auto mask = value_of(parse_mask(value_of(random_mask(model, 5, 1)), "mask"));
  EXPECT_EQ(mask.n_keep(), 5U);
  ASSERT_EQ(mask.layers().size(), 2U);  // block 0 is dense, block 2 predicts further tokens
  EXPECT_TRUE(mask.layers().contains(LayerId{1}) && mask.layers().contains(LayerId{2}));
  EXPECT_NE(value_of(random_mask(model, 5, 2)), value_of(random_mask(model, 5, 1)));
  expect_error(random_mask(model, 11, 1), Code::kInvalidArgument, "11 of 10");
}

TEST_F(MakeModelWrite, ShardsHoldTheBytesOfTheWhole) {
  const auto model = small();
  value_of(write_model(model, {.output = dir_ / "whole.gguf", .seed = 5}));
  const auto shards = value_of(
      write_model(model, {.output = dir_ / "part.gguf", .seed = 5, .split_max_bytes = 20'000'000}));
  ASSERT_GT(shards.size(), 2U);
  EXPECT_EQ(shards[1].path, dir_ / fmt::format("part-00002-of-{:05}.gguf", shards.size()));
  const Contents whole(dir_ / "whole.gguf");
  std::size_t next = 0;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const Contents part(shards[i].path);
    EXPECT_EQ(part.header.find_key("split.no")->as_uint(), i);
    EXPECT_EQ(part.header.find_key("split.count")->as_uint(), shards.size());
    EXPECT_EQ(part.header.find_key("general.architecture") != nullptr, i == 0);
    for (const auto& tensor : part.header.tensors) {
      const auto& same = whole.header.tensors.at(next++);
      EXPECT_EQ(tensor.name, same.name);
      const auto a = part.data(tensor);
      const auto b = whole.data(same);
      EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << tensor.name;
    }
  }
  EXPECT_EQ(next, whole.header.tensors.size());
}

TEST_F(MakeModelWrite, DependsOnTheSeedAlone) {
  const auto model = small();
  const auto digest = [&](const char* name, std::uint64_t seed) {
    value_of(write_model(model, {.output = dir_ / name, .seed = seed}));
    return value_of(describe_moe(value_of(gguf::GgufFile::open(dir_ / name)))).id.digest;
  };
  const auto first = digest("a.gguf", 1);
  EXPECT_EQ(digest("b.gguf", 1), first);
  EXPECT_NE(digest("c.gguf", 2), first);
}

}  // namespace
}  // namespace coe::tools
