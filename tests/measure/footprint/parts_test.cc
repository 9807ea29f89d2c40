#include "coe/measure/footprint/parts.h"

#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coe {
namespace {

using ::coe::testing::TempDir;
using ::coe::testing::tiny_moe;
using ::coe::testing::value_of;
using ::coe::testing::write_tiny;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(FileParts, AddUpToAllTensors) {
  const TempDir dir;
  const auto model = value_of(
      open_model(write_tiny(dir / "m.gguf", tiny_moe({.shared_expert = true})), silent_observer()));
  std::uint64_t all = 0;
  for (const auto& tensor : model.file.header().tensors) all += tensor.n_bytes;
  const auto found = file_parts(model);
  std::uint64_t parts = 0;
  for (const auto& [name, bytes] : found.parts) parts += bytes;
  std::uint64_t types = 0;
  for (const auto& [name, bytes] : found.types) types += bytes;
  EXPECT_EQ(parts, all);
  EXPECT_EQ(types, all);
  EXPECT_EQ(found.parts.at("experts"), model.moe.expert_bytes() * model.moe.n_expert);
  EXPECT_GT(found.parts.at("dense ffn"), 0U);
  EXPECT_GT(found.parts.at("attention"), 0U);
}

TEST(BytesAt, LoseEachExpertThatGoes) {
  const TempDir dir;
  const auto model = value_of(
      open_model(write_tiny(dir / "m.gguf", tiny_moe({.n_expert = 8})), silent_observer()));
  EXPECT_EQ(bytes_at(model, 8), model.file.header().file_bytes);
  EXPECT_EQ(bytes_at(model, 5), model.file.header().file_bytes - 3 * model.moe.expert_bytes());
}

TEST(SuggestedCounts, AreSharesThatTheModelAllows) {
  MoeModel model;
  model.n_expert = 128;
  model.n_expert_used = 8;
  EXPECT_THAT(suggested_counts(model), ElementsAre(96, 64, 48, 32, 16));
  model.n_expert_used = 40;
  EXPECT_THAT(suggested_counts(model), ElementsAre(96, 64, 48));
  model.n_expert_group = 32;
  EXPECT_THAT(suggested_counts(model), ElementsAre(96, 64));
  // One expert of each group would be too few for its rank.
  model.n_expert_group = 64;
  EXPECT_THAT(suggested_counts(model), ElementsAre());
  model.n_expert = 2;
  model.n_expert_used = 2;
  EXPECT_THAT(suggested_counts(model), IsEmpty());
}

}  // namespace
}  // namespace coe
