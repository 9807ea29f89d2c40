// Agg-cos of quantised weights, through the engine's own routines.
#include "coe/mask/compare/agg_cosine.h"

#include "coe/base/observer.h"
#include "coe/engine/llama/ggml_values.h"
#include "coe/mask/compare/overlap.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include "mask/compare/named_masks.h"
#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

namespace coe {
namespace {

using testing::named_mask;
using testing::TempDir;
using testing::tiny_moe;
using testing::value_of;
using testing::write_tiny;

class QuantisedAggCos : public ::testing::TestWithParam<const char*> {};

TEST_P(QuantisedAggCos, AgreesWithASlowReference) {
  constexpr std::size_t kValues = 256 * 40;
  const TempDir dir;
  auto model = tiny_moe({.n_embd = 40, .n_ff = 256});
  for (std::size_t l = 0; l < 2; ++l) {
    auto& down = model.tensor("blk." + std::to_string(l) + ".ffn_down_exps.weight");
    down = testing::tiny_tensor(down.info.name, GetParam(), {256, 40, 8}, 7 + l);
  }
  const auto file = value_of(gguf::GgufFile::open(write_tiny(dir / "m.gguf", model)));
  const auto moe = value_of(describe_moe(file));
  const std::vector<NamedMask> masks = {named_mask("a", 8, {{0, {0, 1, 5}}, {1, {1, 2, 7}}}),
                                        named_mask("b", 8, {{0, {0, 1, 4}}, {1, {1, 3, 4}}})};
  const auto overlap = value_of(overlap_of(masks));
  const auto found = value_of(agg_cosine(file, moe, masks, overlap, &ggml_values(),
                                         {.chunk_values = 1000}, silent_observer()));

  double dot = 0.0;
  double squares[2] = {};
  for (std::size_t l = 0; l < 2; ++l) {
    const auto& tensor =
        *file.header().find_tensor("blk." + std::to_string(l) + ".ffn_down_exps.weight");
    const auto bytes = value_of(file.read_all(tensor));
    std::vector<float> values(8 * kValues);
    ggml_values().to_floats(tensor.type, bytes, values);
    std::vector<std::vector<double>> sums(2, std::vector<double>(kValues, 0.0));
    for (std::size_t m = 0; m < 2; ++m)
      for (const ExpertId id : overlap.residual[m][l])
        for (std::size_t i = 0; i < kValues; ++i) sums[m][i] += values[id.value * kValues + i];
    const auto weight = static_cast<double>(3 - overlap.backbone[l].size());
    for (std::size_t i = 0; i < kValues; ++i) {
      dot += weight * sums[0][i] * sums[1][i];
      for (std::size_t m = 0; m < 2; ++m) squares[m] += weight * sums[m][i] * sums[m][i];
    }
  }
  EXPECT_NEAR(*found.of(0, 1), dot / std::sqrt(squares[0] * squares[1]), 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Types, QuantisedAggCos,
                         ::testing::Values("F32", "F16", "BF16", "Q8_0", "Q5_0", "Q4_K", "Q6_K",
                                           "IQ4_XS", "MXFP4"));

}  // namespace
}  // namespace coe
