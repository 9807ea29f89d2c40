#include "make_model/fill.h"

#include "coe/base/result.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace coe::tools {
namespace {

// A block type: where its F16 scales are, and how large its values are when the first scale is 1.
// Source: ggml v0.25.1 ggml-common.h block structs, ggml-quants.c dequantize_row_*.
struct Blocks {
  std::string_view name;
  double unit_deviation;         // of the values of random quants at scale 1
  std::size_t scale;             // byte of the F16 scale
  std::size_t offset_scale = 0;  // byte of a second F16 that is subtracted; 0: none
  double offset_ratio = 0.0;     // the second scale by the first, so that the mean is zero
};

constexpr std::array kBlocks = {
    Blocks{"Q8_0", 73.9, 0},           // int8
    Blocks{"Q5_0", 9.23, 0},           // -16 to 15
    Blocks{"Q6_K", 1366.0, 208},       // int8 times -32 to 31
    Blocks{"Q4_K", 258.0, 0, 2, 7.5},  // (0 to 63) times (0 to 15), less (0 to 63) times offset
};

constexpr double kMxfp4Deviation = 2.92;  // of random E2M1 numbers

const Blocks* find_blocks(std::string_view name) {
  const auto* const found = std::ranges::find(kBlocks, name, &Blocks::name);
  return found == kBlocks.end() ? nullptr : found;
}

// It takes positive numbers far below 65504.
std::uint16_t half_bits(double value) {
  constexpr double kSmallestNormal = 0x1.0p-14;
  if (value < kSmallestNormal) return static_cast<std::uint16_t>(std::lround(value * 0x1.0p24));
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);  // [0.5, 1)
  const auto mantissa = static_cast<std::uint16_t>((fraction * 2 - 1) * 1024);
  return static_cast<std::uint16_t>((exponent + 14) << 10 | mantissa);
}

void fill_words(std::span<std::byte> out, Rng& rng) {
  std::size_t at = 0;
  for (; at + sizeof(std::uint64_t) <= out.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t word = rng.next();
    std::memcpy(out.data() + at, &word, sizeof(word));
  }
  const std::uint64_t last = rng.next();
  std::memcpy(out.data() + at, &last, out.size() - at);
}

// Writes a scale of about `bits`: its low mantissa bits keep what is random there.
void set_scale(std::byte* at, std::uint16_t bits) {
  constexpr std::uint16_t kRandom = 0x3f;
  std::uint16_t found = 0;
  std::memcpy(&found, at, sizeof(found));
  const auto mixed = static_cast<std::uint16_t>((bits & ~kRandom) | (found & kRandom));
  std::memcpy(at, &mixed, sizeof(mixed));
}

void fill_blocks(const Blocks& blocks, std::size_t block_bytes, double deviation,
                 std::span<std::byte> out, Rng& rng) {
  fill_words(out, rng);
  const double scale = deviation / blocks.unit_deviation;
  const auto bits = half_bits(scale);
  const auto offset_bits = half_bits(scale * blocks.offset_ratio);
  for (std::size_t at = 0; at < out.size(); at += block_bytes) {
    set_scale(out.data() + at + blocks.scale, bits);
    if (blocks.offset_scale != 0) set_scale(out.data() + at + blocks.offset_scale, offset_bits);
  }
}

// One byte of exponent (E8M0, 255 is NaN), then the numbers.
void fill_mxfp4(std::size_t block_bytes, double deviation, std::span<std::byte> out, Rng& rng) {
  fill_words(out, rng);
  const auto exponent =
      static_cast<std::uint8_t>(127 + std::lround(std::log2(deviation / kMxfp4Deviation)));
  for (std::size_t at = 0; at < out.size(); at += block_bytes)
    out[at] = static_cast<std::byte>(exponent - (std::to_integer<unsigned>(out[at]) & 1U));
}

// Sign and mantissa are random, the exponent is not.
void fill_f16(double deviation, std::span<std::byte> out, Rng& rng) {
  fill_words(out, rng);
  const auto exponent = static_cast<std::uint16_t>(half_bits(deviation) & 0x7c00U);
  for (std::size_t at = 0; at < out.size(); at += sizeof(std::uint16_t)) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, out.data() + at, sizeof(bits));
    bits = static_cast<std::uint16_t>((bits & 0x83ffU) | exponent);
    std::memcpy(out.data() + at, &bits, sizeof(bits));
  }
}

// Four uniform numbers of 16 bits: mean 2, variance 1/3.
void fill_f32(Fill values, std::span<std::byte> out, Rng& rng) {
  for (std::size_t at = 0; at < out.size(); at += sizeof(float)) {
    const std::uint64_t word = rng.next();
    const std::uint64_t sum =
        (word & 0xffff) + (word >> 16 & 0xffff) + (word >> 32 & 0xffff) + (word >> 48);
    const auto normal =
        static_cast<float>((static_cast<double>(sum) / 65535.0 - 2.0) * std::sqrt(3.0));
    const float value = values.mean + values.deviation * normal;
    std::memcpy(out.data() + at, &value, sizeof(value));
  }
}

}  // namespace

bool can_fill(gguf::TensorType type) {
  const auto name = gguf::traits(type).name;
  return name == "F32" || name == "F16" || name == "MXFP4" || find_blocks(name) != nullptr;
}

void fill(gguf::TensorType type, Fill values, std::span<std::byte> out, Rng& rng) {
  const auto& traits = gguf::traits(type);
  COE_CHECK(out.size() % traits.block_bytes == 0);
  if (traits.name == "F32") return fill_f32(values, out, rng);
  if (traits.name == "F16") return fill_f16(values.deviation, out, rng);
  if (traits.name == "MXFP4") return fill_mxfp4(traits.block_bytes, values.deviation, out, rng);
  const Blocks* blocks = find_blocks(traits.name);
  COE_CHECK(blocks != nullptr);
  fill_blocks(*blocks, traits.block_bytes, values.deviation, out, rng);
}

}  // namespace coe::tools
