// Files broken by hand, one field at a time, after the cases of llama.cpp's tests/test-gguf.cpp.
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"

#include "support/expect.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::gguf {
namespace {

using testing::expect_error;
using testing::value_of;

// Writes fields as they come, right or wrong.
class Raw {
 public:
  Raw& text(std::string_view text) {
    u64(text.size());
    return bytes(text);
  }
  Raw& u8(std::uint8_t value) { return number(value); }
  Raw& u32(std::uint32_t value) { return number(value); }
  Raw& u64(std::uint64_t value) { return number(value); }
  Raw& bytes(std::string_view text) {
    for (const char c : text) out_.push_back(static_cast<std::byte>(c));
    return *this;
  }
  Raw& pad(std::size_t alignment) {
    while (out_.size() % alignment != 0) out_.push_back(std::byte{0});
    return *this;
  }
  Raw& zeros(std::size_t n) {
    out_.resize(out_.size() + n);
    return *this;
  }
  // "GGUF", a version and counts.
  static Raw head(std::uint64_t n_tensor, std::uint64_t n_key, std::uint32_t version = 3) {
    Raw raw;
    raw.bytes("GGUF").u32(version).u64(n_tensor).u64(n_key);
    return raw;
  }
  Raw& key_u32(std::string_view key, std::uint32_t value) { return text(key).u32(4).u32(value); }
  Raw& tensor(std::string_view name, std::vector<std::uint64_t> ne, std::uint32_t type,
              std::uint64_t offset) {
    text(name).u32(static_cast<std::uint32_t>(ne.size()));
    for (const auto n : ne) u64(n);
    return u32(type).u64(offset);
  }

  Result<Header> parse() const { return parse_header(out_, out_.size(), "x.gguf"); }

 private:
  template <class T>
  Raw& number(T value) {
    const auto raw = std::as_bytes(std::span(&value, 1));
    out_.insert(out_.end(), raw.begin(), raw.end());
    return *this;
  }
  std::vector<std::byte> out_;
};

constexpr std::uint32_t kF32 = 0;
constexpr std::uint32_t kQ8 = 8;

TEST(BrokenFile, GoodFilesAreAccepted) {  // the base that the others break
  EXPECT_TRUE(Raw::head(0, 0).parse().has_value());
  auto raw = Raw::head(2, 1);
  raw.key_u32("a", 1).tensor("t", {3}, kF32, 0).tensor("u", {2, 2}, kF32, 32).pad(32).zeros(64);
  const auto header = value_of(raw.parse());
  EXPECT_EQ(header.tensors[1].offset, 32U);
  EXPECT_EQ(header.tensors[1].n_bytes, 16U);
}

TEST(BrokenFile, BadMagic) {
  expect_error(Raw().bytes("GGUX").u32(3).u64(0).u64(0).parse(), Code::kCorrupt,
               "x.gguf: not a GGUF file");
}

TEST(BrokenFile, BadVersions) {
  for (const std::uint32_t version : {0U, 1U, 4U, 1000U})
    expect_error(Raw::head(0, 0, version).parse(), Code::kUnsupported,
                 "version not supported (" + std::to_string(version) + " vs 2 or 3)");
  EXPECT_TRUE(Raw::head(0, 0, 2).parse().has_value());
}

TEST(BrokenFile, OtherByteOrder) {
  expect_error(Raw::head(0, 0, 0x03000000).parse(), Code::kUnsupported, "the other byte order");
}

TEST(BrokenFile, HugeCounts) {
  expect_error(Raw::head(0, 1ULL << 60).parse(), Code::kCorrupt, "1152921504606846976 keys");
  expect_error(Raw::head(0, ~0ULL).parse(), Code::kCorrupt, "keys, more than fit");
  expect_error(Raw::head(1ULL << 60, 0).parse(), Code::kCorrupt, "tensors, more than fit");
  expect_error(Raw::head(~0ULL, 0).parse(), Code::kCorrupt, "tensors, more than fit");
}

TEST(BrokenFile, BadKeyNames) {
  expect_error(Raw::head(0, 1).text("").u32(4).u32(0).zeros(8).parse(), Code::kCorrupt,
               "key 0 has no name");
  expect_error(Raw::head(0, 1).text(std::string("a\0b", 3)).u32(4).u32(0).zeros(8).parse(),
               Code::kCorrupt, "key 0 has an invalid name `a\\x00b`");
  expect_error(Raw::head(0, 1).u64(~0ULL).zeros(32).parse(), Code::kCorrupt,
               "the name of key 0 at byte 24 claims 18446744073709551615 bytes");
  expect_error(Raw::head(0, 1).u64(1000).zeros(32).parse(), Code::kCorrupt,
               "file ends inside the name of key 0 (64 bytes there, at least 1032 needed)");
}

TEST(BrokenFile, DuplicateKeys) {
  expect_error(Raw::head(0, 3).key_u32("a", 1).key_u32("b", 1).key_u32("a", 2).parse(),
               Code::kCorrupt, "key `a` occurs twice (0 and 2)");
}

TEST(BrokenFile, BadValueTypes) {
  expect_error(Raw::head(0, 1).text("a").u32(13).u64(0).parse(), Code::kCorrupt,
               "key `a` has an invalid value type 13");
  expect_error(Raw::head(0, 1).text("a").u32(9).u32(13).u64(1).u64(0).parse(), Code::kCorrupt,
               "key `a` has an invalid value type 13");
}

TEST(BrokenFile, NestedArrays) {
  expect_error(Raw::head(0, 1).text("a").u32(9).u32(9).u64(1).zeros(32).parse(), Code::kCorrupt,
               "key `a` is an array of arrays");
}

TEST(BrokenFile, BadArrayLengths) {
  expect_error(Raw::head(0, 1).text("a").u32(9).u32(4).u64(~0ULL).zeros(8).parse(), Code::kCorrupt,
               "key `a` claims 18446744073709551615 elements");
  expect_error(Raw::head(0, 1).text("a").u32(9).u32(4).u64(100).zeros(8).parse(), Code::kCorrupt,
               "file ends inside key `a`");
  // Strings of an array are checked one by one, so a huge count ends at the first missing one.
  expect_error(Raw::head(0, 1).text("a").u32(9).u32(8).u64(1 << 30).zeros(16).parse(),
               Code::kCorrupt, "file ends inside key `a`");
}

TEST(BrokenFile, BadBools) {
  expect_error(Raw::head(0, 1).text("a").u32(7).u8(2).parse(), Code::kCorrupt,
               "key `a` has a bool that is neither 0 nor 1 (2)");
  expect_error(Raw::head(0, 1).text("a").u32(9).u32(7).u64(2).u8(1).u8(255).parse(), Code::kCorrupt,
               "neither 0 nor 1 (255)");
  EXPECT_TRUE(Raw::head(0, 1).text("a").u32(7).u8(1).parse().has_value());
}

TEST(BrokenFile, BadAlignment) {
  for (const std::uint32_t alignment : {0U, 3U, 33U})
    expect_error(Raw::head(0, 1).key_u32("general.alignment", alignment).parse(), Code::kCorrupt,
                 "`general.alignment` is no power of two");
  expect_error(Raw::head(0, 1).text("general.alignment").u32(10).u64(32).parse(), Code::kCorrupt,
               "wrong type (u64 vs u32)");
}

TEST(BrokenFile, BadTensorNames) {
  const std::string longest(63, 'n');
  EXPECT_TRUE(Raw::head(1, 0).tensor(longest, {0}, kF32, 0).pad(32).parse().has_value());
  for (const std::string& name : {std::string(64, 'n'), std::string(), std::string("a\0b", 3)})
    expect_error(Raw::head(1, 0).tensor(name, {0}, kF32, 0).pad(32).parse(), Code::kCorrupt,
                 "tensor 0 has an invalid name");
}

TEST(BrokenFile, DuplicateTensors) {
  expect_error(Raw::head(2, 0)
                   .tensor("t", {1}, kF32, 0)
                   .tensor("t", {1}, kF32, 32)
                   .pad(32)
                   .zeros(64)
                   .parse(),
               Code::kCorrupt, "tensor `t` occurs twice (0 and 1)");
}

TEST(BrokenFile, BadShapes) {
  expect_error(Raw::head(1, 0).tensor("t", {1, 1, 1, 1, 1}, kF32, 0).pad(32).zeros(32).parse(),
               Code::kCorrupt, "tensor `t` has too many dimensions (5 vs at most 4)");
  expect_error(Raw::head(1, 0).tensor("t", {~0ULL}, kF32, 0).pad(32).zeros(32).parse(),
               Code::kCorrupt, "tensor `t` has a negative dimension 0");
  expect_error(
      Raw::head(1, 0).tensor("t", {1ULL << 32, 1ULL << 32}, kF32, 0).pad(32).zeros(32).parse(),
      Code::kCorrupt, "tensor `t` has an impossible shape [4294967296, 4294967296]");
  // The count fits, the bytes do not.
  expect_error(Raw::head(1, 0).tensor("t", {1ULL << 62}, kF32, 0).pad(32).zeros(32).parse(),
               Code::kCorrupt, "tensor `t`");
  expect_error(Raw::head(1, 0).tensor("t", {33}, kQ8, 0).pad(32).zeros(64).parse(), Code::kCorrupt,
               "impossible shape [33] for Q8_0 (rows in blocks of 32");
}

TEST(BrokenFile, EmptyTensorsAreAccepted) {
  const auto header = value_of(Raw::head(2, 0)
                                   .tensor("t", {0, 5}, kF32, 0)
                                   .tensor("u", {1}, kF32, 0)
                                   .pad(32)
                                   .zeros(4)
                                   .parse());
  EXPECT_EQ(header.tensors[0].n_bytes, 0U);
}

TEST(BrokenFile, UnknownTensorTypes) {
  for (const std::uint32_t type : {4U, 38U, 43U, 0xffffffffU})
    expect_error(Raw::head(1, 0).tensor("t", {1}, type, 0).pad(32).zeros(32).parse(),
                 Code::kCorrupt, "tensor `t` has an unknown type " + std::to_string(type));
}

TEST(BrokenFile, TypesOfAFork) {
  const auto hint_of = [](std::uint32_t type) {
    return Raw::head(1, 0).tensor("t", {1}, type, 0).pad(32).zeros(32).parse().error().hint;
  };
  for (const std::uint32_t type : {97U, 137U, 339U})
    EXPECT_NE(hint_of(type).find("ik_llama.cpp"), std::string::npos) << type;
  for (const std::uint32_t type : {43U, 0xffffffffU})
    EXPECT_EQ(hint_of(type).find("ik_llama.cpp"), std::string::npos) << type;
}

TEST(BrokenFile, WrongOffsets) {
  expect_error(Raw::head(1, 0).tensor("t", {1}, kF32, 32).pad(32).zeros(64).parse(), Code::kCorrupt,
               "tensor `t` has a wrong offset (32 vs 0)");
  expect_error(
      Raw::head(2, 0).tensor("t", {1}, kF32, 0).tensor("u", {1}, kF32, 4).pad(32).zeros(64).parse(),
      Code::kCorrupt, "tensor `u` has a wrong offset (4 vs 32)");
  // Offsets for 32 in a file that says 64.
  expect_error(Raw::head(2, 1)
                   .key_u32("general.alignment", 64)
                   .tensor("t", {1}, kF32, 0)
                   .tensor("u", {1}, kF32, 32)
                   .pad(64)
                   .zeros(128)
                   .parse(),
               Code::kCorrupt, "tensor `u` has a wrong offset (32 vs 64)");
}

TEST(BrokenFile, SumOfSizesOverflows) {
  auto raw = Raw::head(5, 0);
  constexpr std::uint64_t kBytes = 1ULL << 62;
  for (std::uint64_t i = 0; i < 5; ++i)
    raw.tensor("t" + std::to_string(i), {1ULL << 60}, kF32, i * kBytes);
  expect_error(raw.pad(32).zeros(32).parse(), Code::kCorrupt, "`t3` ends beyond 2^64");
}

TEST(BrokenFile, MissingData) {
  expect_error(Raw::head(1, 0).tensor("t", {9}, kF32, 0).pad(32).zeros(35).parse(), Code::kCorrupt,
               "tensor `t` ends at byte 100 but the file has 99 (100 needed in all)");
  expect_error(Raw::head(1, 0).tensor("t", {0}, kF32, 0).parse(), Code::kCorrupt,
               "file ends inside the header's padding (57 bytes there, 64 needed)");
}

TEST(BrokenFile, MessagesSurviveHostileNames) {
  expect_error(Raw::head(0, 2).key_u32("a\n\xff", 1).key_u32("a\n\xff", 1).parse(), Code::kCorrupt,
               "key `a\\n\\xff` occurs twice");
}

}  // namespace
}  // namespace coe::gguf
