// Metadata values that gguf::Value has no builder for, because coe itself writes none.
#pragma once

#include "coe/model/gguf/encoding.h"
#include "coe/model/gguf/value.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coe::tools {

template <class T>
gguf::Value scalar_value(gguf::ValueType type, T value) {
  std::vector<std::byte> bytes;
  gguf::append_little(bytes, value);
  return gguf::Value::from_bytes(type, bytes);
}

inline gguf::Value f32(float value) { return scalar_value(gguf::ValueType::kF32, value); }

// This stands before the elements of an array.
inline std::vector<std::byte> array_head(gguf::ValueType element, std::uint64_t count) {
  std::vector<std::byte> bytes;
  gguf::append_little(bytes, static_cast<std::uint32_t>(element));
  gguf::append_little(bytes, count);
  return bytes;
}

template <class T>
gguf::Value array_value(gguf::ValueType element, std::span<const T> values) {
  auto bytes = array_head(element, values.size());
  for (const T value : values) gguf::append_little(bytes, value);
  return gguf::Value::from_bytes(gguf::ValueType::kArray, bytes);
}

}  // namespace coe::tools
