#include "coe/model/gguf/writer.h"

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"

#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace coe::gguf {
namespace {

using testing::expect_error;
using testing::expect_ok;
using testing::TempDir;
using testing::tiny_bytes;
using testing::tiny_moe;
using testing::tiny_tensor;
using testing::value_of;

TEST(WriteGguf, GivesIdenticalBytesForIdenticalInput) {
  const TempDir dir;
  const auto model = tiny_moe({});
  expect_ok(write_gguf(dir / "a", model.keys, model.tensors, Overwrite::kRefuse));
  expect_ok(write_gguf(dir / "b", model.keys, model.tensors, Overwrite::kRefuse));
  EXPECT_EQ(value_of(read_text(dir / "a")), value_of(read_text(dir / "b")));
  const auto bytes = tiny_bytes(model);
  EXPECT_EQ(value_of(read_text(dir / "a")),
            std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

TEST(WriteGguf, MatchesAFileWrittenByHand) {
  const TempDir dir;
  const std::vector<TensorData> tensors = {tiny_tensor("t", "I8", {3}, 1)};
  auto mine = tensors;
  mine[0].bytes = {std::byte{1}, std::byte{2}, std::byte{3}};
  expect_ok(write_gguf(dir / "a", {{"k", Value::u32(7)}}, mine, Overwrite::kRefuse));
  std::string expected = "GGUF";
  const auto number = [&](std::uint64_t value, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) expected += static_cast<char>(value >> (8 * i));
  };
  number(3, 4), number(1, 8), number(1, 8);
  number(1, 8), expected += "k", number(4, 4), number(7, 4);
  number(1, 8), expected += "t", number(1, 4), number(3, 8), number(24, 4), number(0, 8);
  expected.resize(96), expected += "\x01\x02\x03", expected.resize(128);
  EXPECT_EQ(value_of(read_text(dir / "a")), expected);
}

TEST(WriteGguf, RefusesDataOfTheWrongSizeAndWritesNothing) {
  const TempDir dir;
  std::vector<TensorData> tensors = {tiny_tensor("t", "F32", {3}, 1)};
  tensors[0].bytes.pop_back();
  expect_error(write_gguf(dir / "a", {}, tensors, Overwrite::kRefuse), Code::kInvalidArgument,
               "tensor `t` has the wrong amount of data (11 bytes vs 12)");
  EXPECT_TRUE(std::filesystem::is_empty(dir.path()));
}

TEST(WriteGguf, RefusesToOverwrite) {
  const TempDir dir;
  expect_ok(write_gguf(dir / "a", {}, {}, Overwrite::kRefuse));
  expect_error(write_gguf(dir / "a", {}, {}, Overwrite::kRefuse), Code::kExists, "exists");
  expect_ok(write_gguf(dir / "a", {}, {}, Overwrite::kAllow));
}

TEST(EncodeHeader, LaysTensorsOutInOrder) {
  Header header;
  header.tensors = {tiny_tensor("a", "F32", {3}, 1).info, tiny_tensor("b", "Q8_0", {64, 2}, 1).info,
                    tiny_tensor("c", "F32", {1}, 1).info};
  const auto bytes = value_of(encode_header(header));
  EXPECT_EQ(header.tensors[0].offset, 0U);
  EXPECT_EQ(header.tensors[1].offset, 32U);
  EXPECT_EQ(header.tensors[1].n_bytes, 136U);
  EXPECT_EQ(header.tensors[2].offset, 32U + 160U);
  EXPECT_EQ(header.data_offset, bytes.size());
  EXPECT_EQ(header.file_bytes, bytes.size() + 32 + 160 + 32);
}

TEST(EncodeHeader, RefusesBadNames) {
  Header header;
  header.keys = {{"a", Value::u32(1)}, {"a", Value::u32(1)}};
  expect_error(encode_header(header), Code::kInvalidArgument, "key `a` occurs twice");
  header.keys = {{"", Value::u32(1)}};
  expect_error(encode_header(header), Code::kInvalidArgument, "a key has no name");
  header.keys.clear();
  header.tensors = {tiny_tensor("t", "F32", {1}, 1).info, tiny_tensor("t", "F32", {1}, 1).info};
  expect_error(encode_header(header), Code::kInvalidArgument, "tensor `t` occurs twice");
  header.tensors = {tiny_tensor("", "F32", {1}, 1).info};
  expect_error(encode_header(header), Code::kInvalidArgument, "invalid tensor name");
  header.tensors = {tiny_tensor(std::string(64, 'n'), "F32", {1}, 1).info};
  expect_error(encode_header(header), Code::kInvalidArgument, "64 bytes vs 1 to 63");
}

TEST(EncodeHeader, RefusesImpossibleShapesAndTypes) {
  Header header;
  header.tensors = {tiny_tensor("t", "Q8_0", {32}, 1).info};
  header.tensors[0].ne[0] = 33;
  expect_error(encode_header(header), Code::kInvalidArgument, "impossible shape [33] for Q8_0");
  header.tensors[0].n_dims = 2;
  header.tensors[0].ne = {1ULL << 62, 32, 1, 1};
  expect_error(encode_header(header), Code::kInvalidArgument, "tensor `t`");
  header.tensors[0].type = TensorType{4};
  expect_error(encode_header(header), Code::kInvalidArgument, "unknown type");
}

TEST(EncodeHeader, WantsTheAlignmentAmongTheKeys) {
  Header header;
  header.alignment = 64;
  expect_error(encode_header(header), Code::kInvalidArgument, "disagree (64 vs 32)");
  header.keys = {{"general.alignment", Value::u32(64)}};
  EXPECT_TRUE(encode_header(header).has_value());
  header.keys = {{"general.alignment", Value::u64(64)}};
  expect_error(encode_header(header), Code::kInvalidArgument, "disagree");
  header.alignment = 48;
  header.keys = {{"general.alignment", Value::u32(48)}};
  expect_error(encode_header(header), Code::kInvalidArgument, "disagree");
}

Value any_value() {
  switch (*rc::gen::inRange(0, 7)) {
    case 0:
      return Value::u32(*rc::gen::arbitrary<std::uint32_t>());
    case 1:
      return Value::u64(*rc::gen::arbitrary<std::uint64_t>());
    case 2:
      return Value::f64(*rc::gen::arbitrary<double>());
    case 3:
      return Value::boolean(*rc::gen::arbitrary<bool>());
    case 4:
      return Value::string(*rc::gen::arbitrary<std::string>());
    case 5:
      return Value::strings(*rc::gen::arbitrary<std::vector<std::string>>());
    default:
      return Value::array_u32(*rc::gen::arbitrary<std::vector<std::uint32_t>>());
  }
}

RC_GTEST_PROP(Gguf, ParsingUndoesWriting, ()) {
  const auto alignment = std::uint32_t{1} << *rc::gen::inRange(0, 13);
  testing::TinyGguf model;
  model.set("general.alignment", Value::u32(alignment));
  for (const auto& key : *rc::gen::arbitrary<std::set<std::string>>())
    if (!key.empty()) model.set(key, any_value());
  const std::vector<std::string> types = {"F32", "F16", "Q8_0", "Q4_K", "I8", "MXFP4"};
  const int n_tensor = *rc::gen::inRange(0, 6);
  for (int i = 0; i < n_tensor; ++i) {
    const auto type = *rc::gen::elementOf(types);
    const std::uint64_t block = traits(type_from_name(type).value()).block_size;
    model.tensors.push_back(tiny_tensor(
        "t" + std::to_string(i), type,
        {block * *rc::gen::inRange<std::uint64_t>(0, 3), *rc::gen::inRange<std::uint64_t>(0, 4)},
        1));
  }
  const auto bytes = tiny_bytes(model);
  const auto parsed = parse_header(bytes, bytes.size(), "x.gguf");
  RC_ASSERT(parsed.has_value());
  auto copy = *parsed;
  const auto again = encode_header(copy);
  RC_ASSERT(again.has_value());
  RC_ASSERT(*again ==
            std::vector<std::byte>(
                bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(parsed->data_offset)));
  RC_ASSERT(copy.file_bytes == bytes.size());
  RC_ASSERT(parsed->keys.size() == model.keys.size());
  for (std::size_t i = 0; i < model.keys.size(); ++i)
    RC_ASSERT(parsed->keys[i].value == model.keys[i].value);
}

TEST(EncodeHeader, ReproducesTheHeaderOfTheBundledModel) {
  const auto file = value_of(GgufFile::open(COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf"));
  auto header = file.header();
  const auto bytes = value_of(encode_header(header));
  ASSERT_EQ(bytes.size(), file.header().data_offset);
  std::vector<std::byte> expected(bytes.size());
  expect_ok(file.read_part(0, 0, expected));
  EXPECT_EQ(bytes, expected);
  EXPECT_EQ(header.file_bytes, file.header().file_bytes);
}

}  // namespace
}  // namespace coe::gguf
