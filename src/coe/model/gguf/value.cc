#include "coe/model/gguf/value.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/model/gguf/encoding.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace coe::gguf {
namespace {

constexpr std::size_t kArrayHead = 12;  // element type and count

constexpr std::array<std::string_view, 13> kTypeNames = {
    "u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "str", "arr", "u64", "i64", "f64"};

template <class T>
T load(std::span<const std::byte> bytes, std::size_t at) {
  COE_CHECK(at + sizeof(T) <= bytes.size());
  return load_little<T>(bytes.data() + at);
}

// Reads the scalar of `type` at `at`, as the widest type of its kind.
std::optional<std::uint64_t> uint_at(ValueType type, std::span<const std::byte> bytes,
                                     std::size_t at) {
  const auto non_negative = [](std::int64_t value) -> std::optional<std::uint64_t> {
    if (value < 0) return std::nullopt;
    return static_cast<std::uint64_t>(value);
  };
  switch (type) {
    case ValueType::kU8:
      return load<std::uint8_t>(bytes, at);
    case ValueType::kU16:
      return load<std::uint16_t>(bytes, at);
    case ValueType::kU32:
      return load<std::uint32_t>(bytes, at);
    case ValueType::kU64:
      return load<std::uint64_t>(bytes, at);
    case ValueType::kI8:
      return non_negative(load<std::int8_t>(bytes, at));
    case ValueType::kI16:
      return non_negative(load<std::int16_t>(bytes, at));
    case ValueType::kI32:
      return non_negative(load<std::int32_t>(bytes, at));
    case ValueType::kI64:
      return non_negative(load<std::int64_t>(bytes, at));
    default:
      return std::nullopt;
  }
}

std::optional<double> float_at(ValueType type, std::span<const std::byte> bytes, std::size_t at) {
  if (type == ValueType::kF32) return static_cast<double>(load<float>(bytes, at));
  if (type == ValueType::kF64) return load<double>(bytes, at);
  return std::nullopt;
}

std::string_view text_at(std::span<const std::byte> bytes, std::size_t at) {
  const auto length = load<std::uint64_t>(bytes, at);
  COE_CHECK(length <= bytes.size() - at - 8);
  return {reinterpret_cast<const char*>(bytes.data()) + at + 8, static_cast<std::size_t>(length)};
}

template <class T>
std::vector<std::byte> scalar_bytes(T value) {
  std::vector<std::byte> bytes;
  append_little(bytes, value);
  return bytes;
}

std::vector<std::byte> array_head(ValueType element, std::size_t count) {
  std::vector<std::byte> bytes;
  append_little(bytes, static_cast<std::uint32_t>(element));
  append_little(bytes, static_cast<std::uint64_t>(count));
  return bytes;
}

std::string scalar_preview(ValueType type, std::span<const std::byte> bytes, std::size_t at) {
  if (const auto value = uint_at(type, bytes, at)) return fmt::format("{}", *value);
  if (const auto value = float_at(type, bytes, at)) {
    if (type == ValueType::kF32) return fmt::format("{}", static_cast<float>(*value));
    return fmt::format("{}", *value);
  }
  switch (type) {
    case ValueType::kBool:
      return load<std::uint8_t>(bytes, at) != 0 ? "true" : "false";
    case ValueType::kI8:
      return fmt::format("{}", load<std::int8_t>(bytes, at));
    case ValueType::kI16:
      return fmt::format("{}", load<std::int16_t>(bytes, at));
    case ValueType::kI32:
      return fmt::format("{}", load<std::int32_t>(bytes, at));
    case ValueType::kI64:
      return fmt::format("{}", load<std::int64_t>(bytes, at));
    default:
      return "`" + printable(text_at(bytes, at)) + "`";
  }
}

}  // namespace

std::size_t scalar_size(ValueType type) {
  switch (type) {
    case ValueType::kU8:
    case ValueType::kI8:
    case ValueType::kBool:
      return 1;
    case ValueType::kU16:
    case ValueType::kI16:
      return 2;
    case ValueType::kU32:
    case ValueType::kI32:
    case ValueType::kF32:
      return 4;
    case ValueType::kU64:
    case ValueType::kI64:
    case ValueType::kF64:
      return 8;
    default:
      return 0;
  }
}

std::string_view type_name(ValueType type) {
  const auto index = static_cast<std::size_t>(type);
  return index < kTypeNames.size() ? kTypeNames[index] : "unknown";
}

Value Value::from_bytes(ValueType type, std::span<const std::byte> bytes) {
  return Value(type, {bytes.begin(), bytes.end()});
}

Value Value::u16(std::uint16_t value) { return from_bytes(ValueType::kU16, scalar_bytes(value)); }
Value Value::i32(std::int32_t value) { return from_bytes(ValueType::kI32, scalar_bytes(value)); }
Value Value::u32(std::uint32_t value) { return from_bytes(ValueType::kU32, scalar_bytes(value)); }
Value Value::u64(std::uint64_t value) { return from_bytes(ValueType::kU64, scalar_bytes(value)); }
Value Value::f64(double value) { return from_bytes(ValueType::kF64, scalar_bytes(value)); }

Value Value::boolean(bool value) {
  return from_bytes(ValueType::kBool, scalar_bytes(static_cast<std::uint8_t>(value ? 1 : 0)));
}

Value Value::string(std::string_view text) {
  std::vector<std::byte> bytes;
  append_text(bytes, text);
  return from_bytes(ValueType::kString, bytes);
}

Value Value::strings(std::span<const std::string> texts) {
  auto bytes = array_head(ValueType::kString, texts.size());
  for (const auto& text : texts) append_text(bytes, text);
  return from_bytes(ValueType::kArray, bytes);
}

Value Value::array_u32(std::span<const std::uint32_t> values) {
  auto bytes = array_head(ValueType::kU32, values.size());
  for (const auto value : values) append_little(bytes, value);
  return from_bytes(ValueType::kArray, bytes);
}

Value Value::array_f64(std::span<const double> values) {
  auto bytes = array_head(ValueType::kF64, values.size());
  for (const auto value : values) append_little(bytes, value);
  return from_bytes(ValueType::kArray, bytes);
}

std::optional<std::uint64_t> Value::as_uint() const {
  if (is_array()) return std::nullopt;
  return uint_at(type_, *bytes_, 0);
}

std::optional<double> Value::as_float() const {
  if (is_array()) return std::nullopt;
  return float_at(type_, *bytes_, 0);
}

std::optional<bool> Value::as_bool() const {
  if (type_ != ValueType::kBool) return std::nullopt;
  return load<std::uint8_t>(*bytes_, 0) != 0;
}

std::optional<std::string_view> Value::as_string() const {
  if (type_ != ValueType::kString) return std::nullopt;
  return text_at(*bytes_, 0);
}

std::uint64_t Value::array_size() const { return is_array() ? load<std::uint64_t>(*bytes_, 4) : 0; }

ValueType Value::array_type() const {
  return is_array() ? ValueType{load<std::uint32_t>(*bytes_, 0)} : ValueType::kU8;
}

std::optional<std::vector<std::uint64_t>> Value::as_uint_array() const {
  if (!is_array()) return std::nullopt;
  const ValueType element = array_type();
  const std::size_t size = scalar_size(element);
  std::vector<std::uint64_t> out;
  for (std::size_t at = kArrayHead; at < bytes_->size(); at += size) {
    const auto value = size == 0 ? std::nullopt : uint_at(element, *bytes_, at);
    if (!value) return std::nullopt;
    out.push_back(*value);
  }
  return out;
}

std::optional<std::vector<double>> Value::as_float_array() const {
  if (!is_array()) return std::nullopt;
  const ValueType element = array_type();
  const std::size_t size = scalar_size(element);
  std::vector<double> out;
  for (std::size_t at = kArrayHead; at < bytes_->size(); at += size) {
    const auto value = size == 0 ? std::nullopt : float_at(element, *bytes_, at);
    if (!value) return std::nullopt;
    out.push_back(*value);
  }
  return out;
}

std::optional<std::vector<std::string>> Value::as_string_array() const {
  if (!is_array() || array_type() != ValueType::kString) return std::nullopt;
  std::vector<std::string> out;
  for (std::size_t at = kArrayHead; at < bytes_->size();) {
    const auto text = text_at(*bytes_, at);
    out.emplace_back(text);
    at += 8 + text.size();
  }
  return out;
}

Value Value::first_elements(std::uint64_t n) const {
  COE_CHECK(is_array() && n <= array_size());
  const std::size_t size = scalar_size(array_type());
  std::size_t end = kArrayHead;
  for (std::uint64_t i = 0; i < n; ++i) end += size != 0 ? size : 8 + text_at(*bytes_, end).size();
  std::vector<std::byte> bytes = array_head(array_type(), n);
  bytes.insert(bytes.end(), bytes_->begin() + kArrayHead,
               bytes_->begin() + static_cast<std::ptrdiff_t>(end));
  return Value(ValueType::kArray, std::move(bytes));
}

std::string Value::preview() const {
  if (!is_array()) return scalar_preview(type_, *bytes_, 0);
  constexpr std::uint64_t kShown = 4;
  const ValueType element = array_type();
  std::string out = "[";
  std::size_t at = kArrayHead;
  for (std::uint64_t i = 0; i < std::min(array_size(), kShown); ++i) {
    out += fmt::format("{}{}", i == 0 ? "" : ", ", scalar_preview(element, *bytes_, at));
    at += element == ValueType::kString ? 8 + text_at(*bytes_, at).size() : scalar_size(element);
  }
  return out + (array_size() > kShown ? fmt::format(", … {} in all]", array_size()) : "]");
}

}  // namespace coe::gguf
