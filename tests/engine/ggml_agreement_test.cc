// Our reader and type table against ggml's own.
#include "coe/gguf/reader.h"
#include "coe/gguf/tensor_type.h"

#include <ggml.h>
#include <gguf.h>
#include <gtest/gtest.h>

#include <string>

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
