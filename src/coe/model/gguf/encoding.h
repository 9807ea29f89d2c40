// This is how GGUF lays out scalars, strings and tensors. Reader, writer and value share it.
#pragma once

#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace coe::gguf {

static_assert(std::endian::native == std::endian::little, "coe needs a little-endian machine");

inline constexpr std::string_view kMagic = "GGUF";
inline constexpr std::string_view kAlignmentKey = "general.alignment";
inline constexpr std::uint64_t kMaxNameBytes = 63;  // ggml: GGML_MAX_NAME with its NUL
inline constexpr std::uint64_t kMaxItems = std::uint64_t{1} << 30;  // string bytes, array elements
inline constexpr std::uint64_t kHeadBytes = 24;  // magic, version, n_tensors, n_kv

template <class T>
T load_little(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

template <class T>
void append_little(std::vector<std::byte>& out, T value) {
  const auto bytes = std::as_bytes(std::span(&value, 1));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

inline void append_text(std::vector<std::byte>& out, std::string_view text) {
  append_little(out, static_cast<std::uint64_t>(text.size()));
  const auto bytes = std::as_bytes(std::span(text));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// Returns the bytes of one value, 0 for strings, arrays and unknown types.
std::size_t scalar_size(ValueType type);

// Returns the bytes of a tensor of this type and shape. It is empty when the rows do not fill
// blocks or when ggml's signed 64-bit arithmetic cannot hold the element count.
std::optional<std::uint64_t> tensor_bytes(const TypeTraits& type,
                                          std::span<const std::uint64_t> ne);

}  // namespace coe::gguf
