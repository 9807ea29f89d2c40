// Our reader and type table against ggml's own.
#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/rng.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/verify/finite.h"
#include "coe/child/verify/verify.h"
#include "coe/engine/llama/ggml_values.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/moe/model.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <ggml.h>
#include <gguf.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coe {
namespace {

TEST(TensorTypeTable, AgreesWithGgml) {
  int n_known = 0;
  for (int id = 0; id < GGML_TYPE_COUNT + 8; ++id) {
    const auto* ours = gguf::find_type(static_cast<std::uint32_t>(id));
    const bool theirs = id < GGML_TYPE_COUNT && ggml_blck_size(static_cast<ggml_type>(id)) > 0;
    ASSERT_EQ(ours != nullptr, theirs) << "type " << id;
    if (!theirs) continue;
    ++n_known;
    const auto type = static_cast<ggml_type>(id);
    EXPECT_EQ(ours->block_size, ggml_blck_size(type)) << ggml_type_name(type);
    EXPECT_EQ(ours->block_bytes, ggml_type_size(type)) << ggml_type_name(type);
  }
  EXPECT_GT(n_known, 25);
}

// Verify reads block scales alone, without an engine; here it is held to the values that ggml makes
// of the same random blocks: both must object to the same ones.
TEST(BlockScales, AreFiniteExactlyWhereValuesAre) {
  Rng rng(7);
  int n_bad = 0;
  for (std::uint32_t id = 0; id < GGML_TYPE_COUNT; ++id) {
    const auto* traits = gguf::find_type(id);
    if (traits == nullptr || !ggml_values().can(traits->type)) continue;
    for (int round = 0; round < 400; ++round) {
      std::vector<std::byte> block(traits->block_bytes);
      for (auto& byte : block) byte = static_cast<std::byte>(rng.below(256));
      // Exponents of all ones are one in 32 F16 scales: make them common.
      if (round % 2 == 0) block[rng.below(block.size())] |= std::byte{0x7c};
      if (round % 4 == 0 && traits->name == "MXFP4") block[0] = std::byte{0xff};
      std::vector<float> values(traits->block_size);
      ggml_values().to_floats(traits->type, block, values);
      const bool finite = std::ranges::all_of(values, [](float v) { return std::isfinite(v); });
      n_bad += finite ? 0 : 1;
      const bool scale_is_bad = first_not_finite(traits->type, block).has_value();
      if (traits->name == "MXFP4") {
        // 255 is NaN in the format's standard, which ggml reads as 2^127; and values overflow from
        // a scale of 2^126 on, which only the values show. ValueScan looks at both.
        ASSERT_EQ(scale_is_bad, block[0] == std::byte{255});
        ASSERT_TRUE(finite || block[0] >= std::byte{253});
        continue;
      }
      ASSERT_EQ(scale_is_bad, !finite) << traits->name;
    }
  }
  EXPECT_GT(n_bad, 100);
}

TEST(Verify, TakesTheNormsOfTheBundledModel) {
  const Path parent = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";
  const testing::TempDir dir;
  const auto file = testing::value_of(gguf::GgufFile::open(parent));
  const auto moe = testing::value_of(describe_moe(file));
  std::map<LayerId, std::vector<ExpertId>> layers;
  for (const auto& layer : moe.layers)
    for (std::uint32_t id = 0; id < 128; id += 2) layers[layer.id].push_back(ExpertId{id});
  const auto mask = testing::value_of(KeepMask::create(128, layers));
  const auto plan = testing::value_of(plan_surgery(file, moe, mask, {}));
  testing::expect_ok(
      apply_plan(file, plan, dir / "child.gguf", Overwrite::kRefuse, silent_observer()));
  const auto report = testing::value_of(
      verify_child(parent, dir / "child.gguf", std::nullopt, &ggml_values(), silent_observer()));
  ASSERT_TRUE(report.ok());
  ASSERT_EQ(report.norms.size(), file.header().tensors.size());
  for (const auto& norm : report.norms) {
    const auto& info = *file.header().find_tensor(norm.tensor);
    const auto bytes = testing::value_of(file.read_all(info));
    const bool cut = norm.tensor.find("_exps.") != std::string::npos ||
                     norm.tensor.ends_with("ffn_gate_inp.weight");
    const auto& traits = gguf::traits(info.type);
    std::vector<float> values(info.n_bytes / traits.block_bytes * traits.block_size);
    ggml_values().to_floats(info.type, bytes, values);
    const std::size_t slab = values.size() / (cut ? 128 : 1);
    double sum = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i)
      if (!cut || i / slab % 2 == 0) sum += static_cast<double>(values[i]) * values[i];
    EXPECT_NEAR(norm.l2, std::sqrt(sum), 1e-9 * std::sqrt(sum)) << norm.tensor;
  }
}

TEST(GgufReader, SeesTheTensorsThatGgmlSees) {
  const std::string path = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";
  const auto ours = gguf::GgufFile::open(path);
  ASSERT_TRUE(ours);
  ggml_context* meta = nullptr;
  gguf_context* theirs = gguf_init_from_file(path.c_str(), {.no_alloc = true, .ctx = &meta});
  ASSERT_NE(theirs, nullptr);
  const auto& header = ours->header();
  ASSERT_EQ(header.tensors.size(), static_cast<std::size_t>(gguf_get_n_tensors(theirs)));
  ASSERT_EQ(header.keys.size(), static_cast<std::size_t>(gguf_get_n_kv(theirs)));
  EXPECT_EQ(header.data_offset, gguf_get_data_offset(theirs));
  for (std::size_t i = 0; i < header.tensors.size(); ++i) {
    const auto index = static_cast<std::int64_t>(i);
    EXPECT_EQ(header.tensors[i].name, gguf_get_tensor_name(theirs, index));
    EXPECT_EQ(header.tensors[i].offset, gguf_get_tensor_offset(theirs, index));
    EXPECT_EQ(header.tensors[i].n_bytes, gguf_get_tensor_size(theirs, index));
  }
  for (std::size_t i = 0; i < header.keys.size(); ++i)
    EXPECT_EQ(header.keys[i].key, gguf_get_key(theirs, static_cast<std::int64_t>(i)));
  gguf_free(theirs);
  ggml_free(meta);
}

}  // namespace
}  // namespace coe
