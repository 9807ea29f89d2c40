#include "coe/model/text_part/text_part.h"

#include "coe/base/file.h"
#include "coe/model/gguf/reader.h"

#include "support/expect.h"
#include "support/ollama_form.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::TinyGguf;
using testing::value_of;

// As llama.cpp has it.
TinyGguf plain() {
  auto model = testing::tiny_moe({.architecture = "gemma4",
                                  .expert_type = "Q8_0",
                                  .merged_gate_up = true,
                                  .down_scale = true});
  const std::vector<std::string> merges = {"a b"};
  model.set("tokenizer.ggml.merges", gguf::Value::strings(merges));
  model.set("tokenizer.ggml.model", gguf::Value::string("gemma4"));
  return model;
}

std::vector<std::byte> bytes_of(const gguf::GgufSource& source, std::size_t step) {
  std::vector<std::byte> out(source.header().file_bytes);
  for (std::size_t at = 0; at < out.size(); at += step)
    expect_ok(source.read(at, std::span(out).subspan(at, std::min(step, out.size() - at))));
  return out;
}

TEST(TowerTensor, IsToldByItsName) {
  for (const auto* name : {"v.blk.0.attn_q.weight", "mm.input_projection.weight", "a.conv1d.0.bias",
                           "mm.a.fc.weight", "model.vision_tower.x"})
    EXPECT_TRUE(is_tower_tensor(name)) << name;
  for (const auto* name : {"blk.0.attn_v.weight", "token_embd.weight", "output_norm.weight", "v"})
    EXPECT_FALSE(is_tower_tensor(name)) << name;
}

TEST(TextPart, IsNotNeeded_WhereLlamaCppReadsTheFile) {
  const testing::TempDir dir;
  const auto file = value_of(gguf::GgufFile::open(write_tiny(dir / "m.gguf", plain())));
  EXPECT_FALSE(needs_text_part(file.header()));
  EXPECT_EQ(tower_bytes(file.header()), 0);
}

TEST(TextPart, IsTheFileThatLlamaCppWouldHave) {
  const testing::TempDir dir;
  auto model = plain();
  testing::add_tower(model);
  testing::use_ollama_names(model);
  auto file = value_of(gguf::GgufFile::open(write_tiny(dir / "m.gguf", model)));
  EXPECT_TRUE(needs_text_part(file.header()));
  EXPECT_EQ(tower_bytes(file.header()), 2 * 4 * 4 * 3 * 8 + 4 * (32 * 32 + 11 + 32 * 32 + 5 * 32));
  auto expected = plain();
  expected.set("gemma4.vision.block_count", gguf::Value::u32(1));
  expected.set("gemma4.vision.embedding_length", gguf::Value::u32(32));
  expected.set("gemma4.audio.block_count", gguf::Value::u32(1));
  const auto source = value_of(text_part(std::move(file)));
  EXPECT_FALSE(needs_text_part(source->header()));
  for (const std::size_t step : {std::size_t{7}, std::size_t{4096}, std::size_t{1} << 30U})
    EXPECT_TRUE(bytes_of(*source, step) == testing::tiny_bytes(expected)) << step;
}

TEST(TextPart, KeepsOtherModelsTokenizers) {
  const testing::TempDir dir;
  auto model = testing::tiny_moe({.architecture = "llama4"});
  model.set("tokenizer.ggml.model", gguf::Value::string("llama"));
  testing::add_tower(model);
  auto file = value_of(gguf::GgufFile::open(write_tiny(dir / "m.gguf", model)));
  const auto source = value_of(text_part(std::move(file)));
  EXPECT_EQ(source->header().find_key("tokenizer.ggml.model")->as_string(), "llama");
}

TEST(TextPart, SaysThatTheFileChanged) {
  const testing::TempDir dir;
  auto model = plain();
  testing::add_tower(model);
  const auto path = write_tiny(dir / "m.gguf", model);
  const auto source = value_of(text_part(value_of(gguf::GgufFile::open(path))));
  expect_ok(source->check_unchanged());
  std::filesystem::resize_file(path, 100);
  expect_error(source->check_unchanged(), Code::kMismatch, "changed while it was being read");
}

}  // namespace
}  // namespace coe
