#include "coe/model/gguf/value.h"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coe::gguf {
namespace {

template <class T>
Value scalar(ValueType type, T value) {
  return Value::from_bytes(type, std::as_bytes(std::span(&value, 1)));
}

TEST(Value, KeepsTheBytesOfTheFile) {
  const Value value = Value::u32(0x01020304);
  ASSERT_EQ(value.bytes().size(), 4U);
  EXPECT_EQ(value.bytes()[0], std::byte{4});
  EXPECT_EQ(Value::string("ab").bytes().size(), 10U);
  const std::array<std::uint32_t, 2> numbers = {7, 8};
  EXPECT_EQ(Value::array_u32(numbers).bytes().size(), 4U + 8U + 8U);
}

TEST(Value, WidensIntegersThatAreNotNegative) {
  EXPECT_EQ(scalar(ValueType::kU8, std::uint8_t{255}).as_uint(), 255U);
  EXPECT_EQ(scalar(ValueType::kU16, std::uint16_t{65535}).as_uint(), 65535U);
  EXPECT_EQ(Value::u32(7).as_uint(), 7U);
  EXPECT_EQ(Value::u64(std::numeric_limits<std::uint64_t>::max()).as_uint(),
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(scalar(ValueType::kI8, std::int8_t{5}).as_uint(), 5U);
  EXPECT_EQ(scalar(ValueType::kI16, std::int16_t{5}).as_uint(), 5U);
  EXPECT_EQ(scalar(ValueType::kI32, std::int32_t{5}).as_uint(), 5U);
  EXPECT_EQ(scalar(ValueType::kI64, std::int64_t{5}).as_uint(), 5U);
  EXPECT_EQ(scalar(ValueType::kI32, std::int32_t{-1}).as_uint(), std::nullopt);
  EXPECT_EQ(scalar(ValueType::kI64, std::int64_t{-1}).as_uint(), std::nullopt);
}

TEST(Value, ReadsOnlyItsOwnKind) {
  EXPECT_EQ(Value::u32(1).as_float(), std::nullopt);
  EXPECT_EQ(Value::u32(1).as_bool(), std::nullopt);
  EXPECT_EQ(Value::u32(1).as_string(), std::nullopt);
  EXPECT_EQ(Value::f64(1).as_uint(), std::nullopt);
  EXPECT_EQ(Value::boolean(true).as_uint(), std::nullopt);
  EXPECT_EQ(Value::string("1").as_uint(), std::nullopt);
  EXPECT_EQ(Value::u32(1).as_uint_array(), std::nullopt);
  EXPECT_EQ(Value::u32(1).as_string_array(), std::nullopt);
  EXPECT_EQ(Value::u32(1).array_size(), 0U);
}

TEST(Value, ReadsScalarsBack) {
  EXPECT_EQ(Value::f64(0.25).as_float(), 0.25);
  EXPECT_EQ(scalar(ValueType::kF32, 0.5F).as_float(), 0.5);
  EXPECT_EQ(Value::boolean(false).as_bool(), false);
  EXPECT_EQ(Value::string("grüße").as_string(), "grüße");
  EXPECT_EQ(Value().as_uint(), 0U);
}

TEST(Value, ReadsArraysBack) {
  const std::array<std::uint32_t, 3> numbers = {1, 2, 3};
  EXPECT_EQ(Value::array_u32(numbers).as_uint_array(), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(Value::array_u32(numbers).array_type(), ValueType::kU32);
  EXPECT_EQ(Value::array_u32(numbers).array_size(), 3U);
  EXPECT_EQ(Value::array_u32(numbers).as_uint(), std::nullopt);
  EXPECT_EQ(Value::array_u32(numbers).as_float_array(), std::nullopt);
  const std::array<double, 2> reals = {0.5, -1};
  EXPECT_EQ(Value::array_f64(reals).as_float_array(), (std::vector<double>{0.5, -1}));
  const std::vector<std::string> texts = {"", "b", std::string("c\0d", 3)};
  EXPECT_EQ(Value::strings(texts).as_string_array(), texts);
  EXPECT_EQ(Value::strings(texts).as_uint_array(), std::nullopt);
  EXPECT_EQ(Value::array_u32({}).as_uint_array(), std::vector<std::uint64_t>{});
}

TEST(Value, PreviewsInOneShortLine) {
  EXPECT_EQ(Value::u32(7).preview(), "7");
  EXPECT_EQ(scalar(ValueType::kI32, std::int32_t{-7}).preview(), "-7");
  EXPECT_EQ(scalar(ValueType::kI8, std::int8_t{-7}).preview(), "-7");
  EXPECT_EQ(scalar(ValueType::kI16, std::int16_t{-7}).preview(), "-7");
  EXPECT_EQ(scalar(ValueType::kI64, std::int64_t{-7}).preview(), "-7");
  EXPECT_EQ(scalar(ValueType::kF32, 0.1F).preview(), "0.1");
  EXPECT_EQ(Value::boolean(true).preview(), "true");
  EXPECT_EQ(Value::string("a\nb").preview(), "`a\\nb`");
  EXPECT_LT(Value::string(std::string(1000, 'x')).preview().size(), 100U);
  const std::array<std::uint32_t, 2> two = {1, 2};
  EXPECT_EQ(Value::array_u32(two).preview(), "[1, 2]");
  const std::vector<std::uint32_t> many(9, 5);
  EXPECT_EQ(Value::array_u32(many).preview(), "[5, 5, 5, 5, … 9 in all]");
  const std::vector<std::string> texts = {"a", "b"};
  EXPECT_EQ(Value::strings(texts).preview(), "[`a`, `b`]");
  EXPECT_EQ(Value::array_u32({}).preview(), "[]");
}

TEST(Value, NamesTypesAsLlamaCppDoes) {
  EXPECT_EQ(type_name(ValueType::kU32), "u32");
  EXPECT_EQ(type_name(ValueType::kString), "str");
  EXPECT_EQ(type_name(ValueType::kArray), "arr");
  EXPECT_EQ(type_name(ValueType::kF64), "f64");
}

TEST(Value, ComparesTypeAndBytes) {
  EXPECT_EQ(Value::u32(1), Value::u32(1));
  EXPECT_NE(Value::u32(1), Value::u32(2));
  EXPECT_NE(Value::u32(1), scalar(ValueType::kI32, std::int32_t{1}));
}

}  // namespace
}  // namespace coe::gguf
