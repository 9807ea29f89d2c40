// Models in several files.
#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"

#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coe::gguf {
namespace {

using coe::testing::expect_error;
using coe::testing::expect_ok;
using coe::testing::TempDir;
using coe::testing::tiny_moe;
using coe::testing::TinyGguf;
using coe::testing::value_of;
using coe::testing::write_tiny;
using ::testing::HasSubstr;

constexpr std::size_t kParts = 3;

class SplitModel : public ::testing::Test {
 protected:
  SplitModel() : whole_(tiny_moe({})) {
    for (std::size_t i = 0; i < kParts; ++i) {
      TinyGguf part;
      if (i == 0) part.keys = whole_.keys;
      part.set("split.no", Value::u16(static_cast<std::uint16_t>(i)));
      part.set("split.count", Value::u16(kParts));
      part.set("split.tensors.count", Value::i32(static_cast<std::int32_t>(whole_.tensors.size())));
      parts_.push_back(std::move(part));
    }
    for (std::size_t i = 0; i < whole_.tensors.size(); ++i)
      parts_[i * kParts / whole_.tensors.size()].tensors.push_back(whole_.tensors[i]);
  }

  Path path(std::size_t part) const { return part_name(dir_ / "m.gguf", part, kParts); }
  Result<GgufFile> open(std::size_t which = 0) {
    for (std::size_t i = 0; i < kParts; ++i) write_tiny(path(i), parts_[i]);
    return GgufFile::open(path(which));
  }

  TempDir dir_;
  TinyGguf whole_;
  std::vector<TinyGguf> parts_;
};

TEST(PartName, FollowsLlamaGgufSplit) {
  EXPECT_EQ(part_name("a/m.gguf", 1, 12), Path("a/m-00002-of-00012.gguf"));
  EXPECT_EQ(part_name("m", 0, 1), Path("m-00001-of-00001.gguf"));
}

TEST_F(SplitModel, IsOneModel) {
  const auto file = value_of(open());
  ASSERT_EQ(file.n_part(), kParts);
  ASSERT_EQ(file.header().keys.size(), whole_.keys.size());  // no split.* keys
  ASSERT_EQ(file.header().tensors.size(), whole_.tensors.size());
  std::uint64_t n_bytes = 0;
  for (std::size_t i = 0; i < kParts; ++i) n_bytes += std::filesystem::file_size(path(i));
  EXPECT_EQ(file.header().file_bytes, n_bytes);
  for (std::size_t i = 0; i < whole_.tensors.size(); ++i) {
    EXPECT_EQ(file.header().tensors[i].name, whole_.tensors[i].info.name);
    EXPECT_EQ(value_of(file.read_all(file.header().tensors[i])), whole_.tensors[i].bytes);
  }
}

TEST_F(SplitModel, IsGivenByItsFirstPart) {
  const auto result = open(1);
  expect_error(result, Code::kInvalidArgument, "is part 2 of a split model of 3 parts");
  EXPECT_THAT(result.error().hint, HasSubstr("-00001-of-00003.gguf"));
}

TEST_F(SplitModel, NeedsEveryPartBesideTheFirst) {
  value_of(open());
  std::filesystem::remove(path(2));
  const auto result = GgufFile::open(path(0));
  expect_error(result, Code::kNotFound, "m-00003-of-00003.gguf");
  EXPECT_EQ(result.error().hint, "all 3 parts of a split model must lie in one folder");
}

TEST_F(SplitModel, NeedsItsName) {
  value_of(open());
  std::filesystem::rename(path(0), dir_ / "renamed.gguf");
  expect_error(GgufFile::open(dir_ / "renamed.gguf"), Code::kInvalidArgument,
               "its name does not end in `-00001-of-00003.gguf`");
}

TEST_F(SplitModel, RefusesPartsThatContradictEachOther) {
  parts_[2].set("split.no", Value::u16(1));
  expect_error(open(), Code::kCorrupt, "does not call itself part 3 of 3");
  parts_[2].set("split.no", Value::u16(2));
  parts_[1].set("split.count", Value::u16(4));
  expect_error(open(), Code::kCorrupt, "does not call itself part 2 of 3");
  parts_[1].set("split.count", Value::u16(3));
  parts_[2].tensors.push_back(parts_[0].tensors[0]);
  expect_error(open(), Code::kCorrupt, "tensor `token_embd.weight` is in an earlier part too");
  parts_[2].tensors.pop_back();
  parts_[0].set("split.tensors.count", Value::i32(5));
  expect_error(open(), Code::kCorrupt, "key `split.tensors.count` is 5, the parts have");
  parts_[0].set("split.count", Value::string("three"));
  expect_error(open(), Code::kCorrupt, "key `split.count` is no usable count");
}

TEST(GgufFileRead, SaysWhenAFileShrinks) {
  const TempDir dir;
  const Path path = write_tiny(dir / "m.gguf", tiny_moe({}));
  const auto file = value_of(GgufFile::open(path));
  std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
  expect_error(file.read_all(file.header().tensors.back()), Code::kIo,
               "m.gguf: became shorter while it was being read");
}

TEST(FirstElements, CutsArraysOfEveryElementSize) {
  const std::vector<std::uint32_t> numbers = {7, 8, 9};
  EXPECT_EQ(Value::array_u32(numbers).first_elements(2).as_uint_array(),
            (std::vector<std::uint64_t>{7, 8}));
  const std::vector<std::string> words = {"a", "", "long word"};
  EXPECT_EQ(Value::strings(words).first_elements(2).as_string_array(),
            (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(Value::strings(words).first_elements(3), Value::strings(words));
  EXPECT_EQ(Value::strings(words).first_elements(0).array_size(), 0U);
}

}  // namespace
}  // namespace coe::gguf
