#include "coe/child/heal/layer_state.h"

#include "coe/base/file.h"

#include "support/expect.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>

namespace coe {
namespace {

using coe::testing::expect_error;
using coe::testing::expect_ok;
using coe::testing::TempDir;
using coe::testing::value_of;

HealedLayer some_layer() {
  HealedLayer layer;
  layer.layer = LayerId{3};
  layer.error = .25;
  layer.after = .5;
  layer.gain = .9;
  layer.lambda = .03;
  layer.kept = "ridge";
  layer.tensors = {
      {"blk.3.ffn_down.weight", gguf::TensorType::kQ8_0, {std::byte{1}, std::byte{255}}},
      {"blk.3.post_ffw_norm_2.weight", gguf::TensorType::kF32, {std::byte{7}}}};
  return layer;
}

TEST(LayerState, ComesBackAsItWas) {
  const TempDir dir;
  const auto file = dir / "layer-3.gguf";
  const auto layer = some_layer();
  expect_ok(write_layer_state(file, layer, "key"));
  const auto back = value_of(read_layer_state(file, "key"));
  EXPECT_EQ(back.layer, layer.layer);
  EXPECT_DOUBLE_EQ(back.error, .25);
  EXPECT_DOUBLE_EQ(back.after, .5);
  EXPECT_DOUBLE_EQ(back.gain, .9);
  EXPECT_DOUBLE_EQ(back.lambda, .03);
  EXPECT_EQ(back.kept, "ridge");
  ASSERT_EQ(back.tensors.size(), 2U);
  EXPECT_EQ(back.tensors[0].name, layer.tensors[0].name);
  EXPECT_EQ(back.tensors[0].type, gguf::TensorType::kQ8_0);
  EXPECT_EQ(back.tensors[0].bytes, layer.tensors[0].bytes);
  EXPECT_EQ(back.tensors[1].bytes, layer.tensors[1].bytes);
}

TEST(LayerState, RefusesAnotherRunAndDamage) {
  const TempDir dir;
  const auto file = dir / "layer-3.gguf";
  expect_ok(write_layer_state(file, some_layer(), "key"));
  expect_error(read_layer_state(file, "other"), Code::kMismatch, "another run");
  const auto size = std::filesystem::file_size(file);
  std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
  out.seekp(static_cast<std::streamoff>(size) - 64);
  out.put('\x55');
  out.close();
  EXPECT_FALSE(read_layer_state(file, "key").has_value());
}

}  // namespace
}  // namespace coe
