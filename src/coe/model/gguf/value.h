// A value is one piece of metadata of a GGUF file. It is kept as the bytes that it has in the file,
// so that copying a key is exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::gguf {

enum class ValueType : std::uint32_t {
  kU8 = 0,
  kI8 = 1,
  kU16 = 2,
  kI16 = 3,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kU64 = 10,
  kI64 = 11,
  kF64 = 12,
};

// "u32", "str", "arr", as llama.cpp prints them.
std::string_view type_name(ValueType type);

class Value {
 public:
  Value() : Value(ValueType::kU8, std::vector<std::byte>(1)) {}
  // Builders for values that coe writes.
  static Value u16(std::uint16_t value);
  static Value u32(std::uint32_t value);
  static Value i32(std::int32_t value);
  static Value u64(std::uint64_t value);
  static Value f64(double value);
  static Value boolean(bool value);
  static Value string(std::string_view text);
  static Value strings(std::span<const std::string> texts);
  static Value array_u32(std::span<const std::uint32_t> values);
  static Value array_f64(std::span<const double> values);
  // `bytes` is the encoding after the type word; the reader has checked that it is complete.
  static Value from_bytes(ValueType type, std::span<const std::byte> bytes);

  ValueType type() const { return type_; }
  // The encoding after the type word (for arrays: element type, count, elements).
  std::span<const std::byte> bytes() const { return *bytes_; }

  // Typed reads are empty when the value has another type. Integers widen when they fit and are not
  // negative.
  std::optional<std::uint64_t> as_uint() const;
  std::optional<double> as_float() const;
  std::optional<bool> as_bool() const;
  std::optional<std::string_view> as_string() const;
  bool is_array() const { return type_ == ValueType::kArray; }
  // 0 and kU8 for scalars.
  std::uint64_t array_size() const;
  ValueType array_type() const;
  std::optional<std::vector<std::uint64_t>> as_uint_array() const;
  std::optional<std::vector<double>> as_float_array() const;
  std::optional<std::vector<std::string>> as_string_array() const;
  // Returns an array's first `n` elements (n <= array_size()).
  Value first_elements(std::uint64_t n) const;

  // Gives one line for people, with arrays and long strings shortened.
  std::string preview() const;
  bool operator==(const Value& other) const {
    return type_ == other.type_ && (bytes_ == other.bytes_ || *bytes_ == *other.bytes_);
  }

 private:
  Value(ValueType type, std::vector<std::byte> bytes)
      : type_(type), bytes_(std::make_shared<const std::vector<std::byte>>(std::move(bytes))) {}
  ValueType type_;
  // Shared by copies: a vocabulary of 260,000 tokens is held once, however many headers have it.
  std::shared_ptr<const std::vector<std::byte>> bytes_;  // never null
};

struct KeyValue {
  std::string key;
  Value value;
};

}  // namespace coe::gguf
