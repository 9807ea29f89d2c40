#include "coe/child/verify/finite.h"

#include "coe/model/gguf/tensor_type.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace coe {
namespace {

enum class Scale { kF16, kBf16, kF32, kF64, kE8m0, kIq1m };

struct Layout {
  std::string_view type;
  Scale scale = Scale::kF16;
  std::size_t n_scale = 1;
  std::array<std::size_t, 2> at{};  // byte positions in the block
};

// NVFP4's UE4M3 scales and integer types have no value that is not finite.
constexpr std::array kLayouts = {
    Layout{"F32", Scale::kF32},
    Layout{"F16", Scale::kF16},
    Layout{"BF16", Scale::kBf16},
    Layout{"F64", Scale::kF64},
    Layout{"Q4_0"},
    Layout{"Q4_1", Scale::kF16, 2, {0, 2}},
    Layout{"Q5_0"},
    Layout{"Q5_1", Scale::kF16, 2, {0, 2}},
    Layout{"Q8_0"},
    Layout{"Q8_1", Scale::kF16, 2, {0, 2}},
    Layout{"Q2_K", Scale::kF16, 2, {80, 82}},
    Layout{"Q3_K", Scale::kF16, 1, {108}},
    Layout{"Q4_K", Scale::kF16, 2, {0, 2}},
    Layout{"Q5_K", Scale::kF16, 2, {0, 2}},
    Layout{"Q6_K", Scale::kF16, 1, {208}},
    Layout{"Q8_K", Scale::kF32},
    Layout{"IQ2_XXS"},
    Layout{"IQ2_XS"},
    Layout{"IQ2_S"},
    Layout{"IQ3_XXS"},
    Layout{"IQ3_S"},
    Layout{"IQ1_S"},
    Layout{"IQ1_M", Scale::kIq1m},
    Layout{"IQ4_NL"},
    Layout{"IQ4_XS"},
    Layout{"TQ1_0", Scale::kF16, 1, {52}},
    Layout{"TQ2_0", Scale::kF16, 1, {64}},
    Layout{"MXFP4", Scale::kE8m0},
    Layout{"Q1_0"},
    Layout{"Q2_0"},
};

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

// A float is not finite when all bits of its exponent are set.
template <class T, T kExponent>
bool finite_at(const std::byte* at) {
  return (load<T>(at) & kExponent) != kExponent;
}

// IQ1_M spreads an F16 over the high nibbles of its four scale words.
bool iq1m_finite(const std::byte* block) {
  constexpr std::size_t kScalesAt = 48;
  std::uint16_t half = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const auto word = load<std::uint16_t>(block + kScalesAt + 2 * i);
    half = static_cast<std::uint16_t>(half | (word >> 12) << (4 * i));
  }
  return (half & 0x7c00) != 0x7c00;
}

template <class Finite>
std::optional<std::uint64_t> scan(std::span<const std::byte> bytes, std::size_t stride,
                                  Finite finite) {
  for (std::size_t at = 0; at + stride <= bytes.size(); at += stride)
    if (!finite(bytes.data() + at)) return at / stride;
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> first_not_finite(gguf::TensorType type,
                                              std::span<const std::byte> bytes) {
  const auto& traits = gguf::traits(type);
  const auto* const layout = std::ranges::find(kLayouts, traits.name, &Layout::type);
  if (layout == kLayouts.end()) return std::nullopt;
  const std::size_t stride = traits.block_bytes;
  const std::size_t a = layout->at[0];
  const std::size_t b = layout->n_scale == 2 ? layout->at[1] : a;
  switch (layout->scale) {
    case Scale::kF16:
      return scan(bytes, stride, [a, b](const std::byte* block) {
        return finite_at<std::uint16_t, 0x7c00>(block + a) &&
               finite_at<std::uint16_t, 0x7c00>(block + b);
      });
    case Scale::kBf16:
      return scan(bytes, stride, finite_at<std::uint16_t, 0x7f80>);
    case Scale::kF32:
      return scan(bytes, stride, finite_at<std::uint32_t, 0x7f800000>);
    case Scale::kF64:
      return scan(bytes, stride, finite_at<std::uint64_t, 0x7ff0000000000000>);
    case Scale::kE8m0:
      return scan(bytes, stride, [](const std::byte* block) { return *block != std::byte{0xff}; });
    case Scale::kIq1m:
      return scan(bytes, stride, iq1m_finite);
  }
  return std::nullopt;
}

}  // namespace coe
