#include "coe/mask/compare/agg_cosine.h"

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/mask/compare/overlap.h"
#include "coe/model/gguf/dequantizer.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/moe/arch_table.h"
#include "coe/model/moe/down_projection.h"
#include "coe/model/moe/model.h"

#include "mask/compare/named_masks.h"
#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::LayerIds;
using testing::named_mask;
using testing::TempDir;
using testing::tiny_moe;
using testing::TinyGguf;
using testing::TinySpec;
using testing::value_of;
using testing::write_tiny;

constexpr std::size_t kValues = 1024;  // of one expert's down-projection: 32 x 32

// Does what the engine does for F32.
class Floats : public gguf::Dequantizer {
 public:
  bool can(gguf::TensorType type) const override { return gguf::traits(type).name == "F32"; }
  void to_floats(gguf::TensorType /*type*/, std::span<const std::byte> blocks,
                 std::span<float> values) const override {
    ASSERT_EQ(blocks.size(), values.size_bytes());
    std::memcpy(values.data(), blocks.data(), blocks.size());
  }
};

void put(TinyGguf& model, const std::string& tensor, std::size_t at, float value) {
  std::memcpy(model.tensor(tensor).bytes.data() + at * sizeof(float), &value, sizeof(value));
}

float get(TinyGguf& model, const std::string& tensor, std::size_t at) {
  float value = 0;
  std::memcpy(&value, model.tensor(tensor).bytes.data() + at * sizeof(float), sizeof(value));
  return value;
}

const std::string kDown0 = "blk.0.ffn_down_exps.weight";
const std::string kDown1 = "blk.1.ffn_down_exps.weight";

class AggCos : public ::testing::Test {
 protected:
  Result<AggCosine> run(const TinyGguf& model, const std::vector<NamedMask>& masks,
                        const AggCosineOptions& options = {},
                        const gguf::Dequantizer* dequantizer = &floats()) {
    const auto file = value_of(gguf::GgufFile::open(write_tiny(dir_ / "m.gguf", model)));
    const auto moe = value_of(describe_moe(file));
    return agg_cosine(file, moe, masks, value_of(overlap_of(masks)), dequantizer, options,
                      silent_observer());
  }
  static const Floats& floats() {
    static const Floats instance;
    return instance;
  }

  TempDir dir_;
};

// Down-projections of zeros but for their first and last value.
TinyGguf with_vectors(const TinySpec& spec,
                      const std::vector<std::vector<std::pair<float, float>>>& layers) {
  auto model = tiny_moe(spec);
  for (std::size_t l = 0; l < layers.size(); ++l) {
    auto& tensor = model.tensor("blk." + std::to_string(l) + ".ffn_down_exps.weight");
    std::fill(tensor.bytes.begin(), tensor.bytes.end(), std::byte{0});
    for (std::size_t e = 0; e < layers[l].size(); ++e) {
      put(model, tensor.info.name, e * kValues, layers[l][e].first);
      put(model, tensor.info.name, e * kValues + kValues - 1, layers[l][e].second);
    }
  }
  return model;
}

const std::vector<NamedMask> kPair = {named_mask("a", 8, {{0, {0, 1}}, {1, {1, 2}}}),
                                      named_mask("b", 8, {{0, {0, 2}}, {1, {3, 4}}})};

TEST_F(AggCos, Golden) {
  // Layer 0: U = {0}, b = 1, (3,4) against (4,3). Layer 1: U = {}, b = 2, (1,1) against (2,0).
  const auto model =
      with_vectors({}, {{{9, 9}, {3, 4}, {4, 3}}, {{7, 7}, {1, 0}, {0, 1}, {2, 0}, {0, 0}}});
  const auto found = value_of(run(model, kPair));
  EXPECT_EQ(found.layers()[0].weight, 1U);
  EXPECT_EQ(found.layers()[1].weight, 2U);
  EXPECT_DOUBLE_EQ(*found.of_layer(0, 1, 0), 24.0 / 25);
  EXPECT_DOUBLE_EQ(*found.of_layer(0, 1, 1), std::sqrt(0.5));
  EXPECT_DOUBLE_EQ(*found.of(0, 1), 28.0 / std::sqrt(29.0 * 33.0));
  EXPECT_DOUBLE_EQ(*found.of(1, 0), *found.of(0, 1));
  EXPECT_DOUBLE_EQ(*found.of(0, 0), 1.0);
  EXPECT_EQ(found.n_bytes(), 6 * kValues * sizeof(float));  // experts 1, 2 and 1 to 4
}

TEST_F(AggCos, AppliesTheFactorOfEachExpert) {
  auto model = with_vectors({.down_scale = true},
                            {{{9, 9}, {3, 4}, {4, 3}}, {{7, 7}, {1, 0}, {0, 1}, {2, 0}, {0, 0}}});
  for (std::size_t e = 0; e < 8; ++e)
    for (const std::string layer : {"0", "1"})
      put(model, "blk." + layer + ".ffn_down_exps.scale", e, 1.0F);
  put(model, "blk.1.ffn_down_exps.scale", 2, -1.0F);  // (1,0) + (0,-1) against (2,0)
  put(model, "blk.1.ffn_down_exps.scale", 3, 0.5F);   // … which is (1,0) now
  put(model, "blk.0.ffn_down_exps.scale", 1, 2.0F);   // (6,8)
  const auto found = value_of(run(model, kPair));
  EXPECT_DOUBLE_EQ(*found.of(0, 1),
                   (48.0 + 2 * 1.0) / std::sqrt((100.0 + 2 * 2.0) * (25.0 + 2 * 1.0)));
}

TEST_F(AggCos, IsUndefinedWithoutResidual) {
  const auto model = tiny_moe({});
  const std::vector<NamedMask> same = {kPair[0], kPair[0]};
  const auto found = value_of(run(model, same));
  EXPECT_EQ(found.of(0, 1), std::nullopt);
  EXPECT_EQ(found.of_layer(0, 1, 0), std::nullopt);
  EXPECT_EQ(found.n_bytes(), 0U);
}

// Three masks of 3 of 8 in two layers; the first two are equal.
const std::vector<NamedMask> kThree = {named_mask("a", 8, {{0, {0, 1, 5}}, {1, {1, 2, 7}}}),
                                       named_mask("b", 8, {{0, {0, 1, 5}}, {1, {1, 2, 7}}}),
                                       named_mask("c", 8, {{0, {0, 2, 4}}, {1, {3, 4, 6}}})};

TEST_F(AggCos, EqualResidualsGiveOne) {
  const auto found = value_of(run(tiny_moe({}), kThree));
  EXPECT_EQ(found.of(0, 1), 1.0);
  EXPECT_EQ(found.of_layer(0, 1, 1), 1.0);
  EXPECT_LT(std::abs(*found.of(0, 2)), 0.5);  // random weights
  EXPECT_EQ(found.of(0, 2), found.of(1, 2));
}

TEST_F(AggCos, AgreesWithASlowReference) {
  auto model = tiny_moe({.down_scale = true});
  const auto found = value_of(run(model, kThree));
  const auto overlap = value_of(overlap_of(kThree));
  for (std::size_t l = 0; l < 2; ++l) {
    const auto name = [&](const std::string& kind) {
      return "blk." + std::to_string(l) + ".ffn_down_exps." + kind;
    };
    std::vector<std::vector<double>> sums(3, std::vector<double>(kValues, 0.0));
    for (std::size_t m = 0; m < 3; ++m)
      for (const ExpertId id : overlap.residual[m][l])
        for (std::size_t i = 0; i < kValues; ++i)
          sums[m][i] += static_cast<double>(get(model, name("scale"), id.value)) *
                        get(model, name("weight"), id.value * kValues + i);
    for (std::size_t a = 0; a < 3; ++a)
      for (std::size_t b = 0; b < 3; ++b) {
        double product = 0.0;
        for (std::size_t i = 0; i < kValues; ++i) product += sums[a][i] * sums[b][i];
        EXPECT_NEAR(found.layers()[l].products[a * 3 + b], product, 1e-10 * kValues)
            << l << " " << a << " " << b;
      }
  }
}

TEST_F(AggCos, ThreadsChangeNothingAndChunksOnlyRounding) {
  const auto model = tiny_moe({.n_embd = 64, .n_ff = 96});
  const auto plain = value_of(run(model, kThree, {.n_thread = 1}));
  for (const unsigned n_thread : {2U, 7U}) {
    const auto other = value_of(run(model, kThree, {.n_thread = n_thread}));
    for (std::size_t l = 0; l < 2; ++l)
      EXPECT_EQ(other.layers()[l].products, plain.layers()[l].products);
  }
  for (const std::size_t chunk : {std::size_t{1}, std::size_t{37}, std::size_t{1} << 20}) {
    const auto other = value_of(run(model, kThree, {.chunk_values = chunk}));
    EXPECT_NEAR(*other.of(0, 2), *plain.of(0, 2), 1e-14) << chunk;
    EXPECT_EQ(other.of(0, 1), 1.0);
  }
}

TEST_F(AggCos, OrderOfMasksDoesNotMatter) {
  const auto model = tiny_moe({});
  const auto plain = value_of(run(model, kThree));
  const auto other = value_of(run(model, {kThree[2], kThree[0], kThree[1]}));
  EXPECT_EQ(other.of(0, 1), plain.of(0, 2));
  EXPECT_EQ(other.of(1, 2), plain.of(0, 1));
}

TEST_F(AggCos, TakesMtpLayersWhereMasksNameThem) {
  const auto model =
      tiny_moe({.architecture = "glm4moe", .n_block = 2, .selection_bias = true, .n_mtp = 1});
  const auto found = value_of(run(model, kThree));
  EXPECT_EQ(found.layers().size(), 2U);
  EXPECT_GT(found.layers()[1].products[0], 0.0);
}

TEST_F(AggCos, RefusesWhatItCannotDo) {
  const auto model = tiny_moe({});
  expect_error(run(model, kPair, {}, nullptr), Code::kEngine, "Agg-cos needs the engine");
  expect_error(run(tiny_moe({.expert_type = "Q8_0"}), kPair), Code::kUnsupported,
               "tensor `blk.0.ffn_down_exps.weight`: the engine cannot convert Q8_0");
  auto unequal = kPair;
  unequal[1] = named_mask("b.json", 8, {{0, {0, 2, 3}}, {1, {3, 4, 5}}});
  expect_error(run(model, unequal), Code::kInvalidArgument,
               "b.json: Agg-cos needs masks of one K (3 vs 2 in a)");
  auto foreign = kPair;
  for (auto& named : foreign) named.mask.parent.digest = "xxh3:0";
  expect_error(run(model, foreign), Code::kMismatch, "a: made for another model than `Tiny`");
  expect_error(run(tiny_moe({.n_block = 3}), kPair), Code::kMismatch,
               "a: says nothing about layer 2");
  const std::vector<NamedMask> other = {named_mask("a", 0, {{0, {0, 1}}, {1, {1, 2}}}),
                                        named_mask("b", 0, {{0, {0, 2}}, {1, {3, 9}}})};
  expect_error(run(model, other), Code::kMismatch, "b: layer 1: keeps expert 9");
}

TEST_F(AggCos, NamesTheExpertWithAValueThatIsNotFinite) {
  auto model = tiny_moe({.down_scale = true});
  // An expert that nobody keeps, or that all keep, is not looked at.
  put(model, kDown0, 7 * kValues, std::numeric_limits<float>::infinity());
  put(model, kDown0, 0 * kValues, std::numeric_limits<float>::quiet_NaN());
  EXPECT_TRUE(run(model, kPair).has_value());
  auto bad_value = model;
  put(bad_value, kDown1, 3 * kValues + 1000, -std::numeric_limits<float>::infinity());
  expect_error(run(bad_value, kPair), Code::kCorrupt,
               "tensor `blk.1.ffn_down_exps.weight`: expert 3 has a value that is not finite");
  auto bad_scale = model;
  put(bad_scale, "blk.1.ffn_down_exps.scale", 4, std::numeric_limits<float>::quiet_NaN());
  expect_error(run(bad_scale, kPair), Code::kCorrupt, "ffn_down_exps.scale`: expert 4");
}

TEST_F(AggCos, SaysWhenTheFileBecomesShorter) {
  const auto path = write_tiny(dir_ / "m.gguf", tiny_moe({}));
  const auto file = value_of(gguf::GgufFile::open(path));
  const auto moe = value_of(describe_moe(file));
  std::filesystem::resize_file(path, file.header().data_offset + 100);
  expect_error(
      agg_cosine(file, moe, kPair, value_of(overlap_of(kPair)), &floats(), {}, silent_observer()),
      Code::kIo, "became shorter");
}

class Watcher : public Observer {
 public:
  explicit Watcher(bool stop) : stop_(stop) {}
  void progress(std::string_view stage, std::uint64_t done, std::uint64_t total,
                std::string_view unit) override {
    EXPECT_EQ(stage, "agg-cos");
    EXPECT_EQ(unit, "bytes");
    EXPECT_LE(done, total);
    last_ = done;
    total_ = total;
  }
  bool cancelled() override { return stop_; }
  std::uint64_t last_ = 0;
  std::uint64_t total_ = 1;

 private:
  bool stop_;
};

TEST_F(AggCos, ReportsAndCanBeStopped) {
  const auto file = value_of(gguf::GgufFile::open(write_tiny(dir_ / "m.gguf", tiny_moe({}))));
  const auto moe = value_of(describe_moe(file));
  const auto overlap = value_of(overlap_of(kPair));
  Watcher watcher(false);
  EXPECT_TRUE(agg_cosine(file, moe, kPair, overlap, &floats(), {}, watcher).has_value());
  EXPECT_EQ(watcher.last_, 6 * kValues * sizeof(float));
  EXPECT_EQ(watcher.total_, watcher.last_);
  Watcher stopper(true);
  expect_error(agg_cosine(file, moe, kPair, overlap, &floats(), {}, stopper), Code::kCancelled,
               "m.gguf: stopped before Agg-cos was complete");
}

TEST_F(AggCos, FindsTheDownProjectionOfEveryArchitecture) {
  for (const auto& arch : all_archs()) {
    TinySpec spec{.architecture = std::string(arch.name)};
    spec.merged_gate_up = arch.layout == ExpertLayout::kMerged;
    spec.selection_bias = arch.bias != SelectionBias::kNone;
    spec.gating = 1;
    spec.down_scale = arch.name == "gemma4";
    const auto model = tiny_moe(spec);
    const auto file = value_of(gguf::GgufFile::open(write_tiny(dir_ / "m.gguf", model)));
    const auto moe = describe_moe(file);
    ASSERT_TRUE(moe.has_value()) << arch.name << ": " << moe.error().message;
    const auto down = down_projection(file.header(), moe->layers[1]);
    EXPECT_EQ(file.header().tensors[down.weight.tensor].name, kDown1) << arch.name;
    EXPECT_EQ(down.weight.slab_bytes, kValues * sizeof(float));
    EXPECT_EQ(down.scale.has_value(), spec.down_scale) << arch.name;
  }
}

}  // namespace
}  // namespace coe
