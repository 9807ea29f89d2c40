#include "coe/child/verify/finite.h"

#include "coe/model/gguf/tensor_type.h"

#include "support/tiny_gguf.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

constexpr std::size_t kBlocks = 5;

// Five blocks of a type with finite scales everywhere.
std::vector<std::byte> blocks_of(std::string_view type) {
  const auto& traits = gguf::traits(gguf::type_from_name(type).value());
  return testing::tiny_tensor("t", type, {traits.block_size * kBlocks}, 3).bytes;
}

template <class T>
void put(std::vector<std::byte>& bytes, std::size_t at, T value) {
  ASSERT_LE(at + sizeof(value), bytes.size());
  std::memcpy(bytes.data() + at, &value, sizeof(value));
}

std::optional<std::uint64_t> scan(std::string_view type, const std::vector<std::byte>& bytes) {
  return first_not_finite(gguf::type_from_name(type).value(), bytes);
}

struct Case {
  std::string type;
  std::vector<std::size_t> f16_at;  // positions of F16 scales in a block
};

class F16Scales : public ::testing::TestWithParam<Case> {};

// Positions from the block structs of ggml-common.h.
INSTANTIATE_TEST_SUITE_P(
    Finite, F16Scales,
    ::testing::Values(Case{"F16", {0}}, Case{"Q4_0", {0}}, Case{"Q4_1", {0, 2}}, Case{"Q5_0", {0}},
                      Case{"Q5_1", {0, 2}}, Case{"Q8_0", {0}}, Case{"Q8_1", {0, 2}},
                      Case{"Q2_K", {80, 82}}, Case{"Q3_K", {108}}, Case{"Q4_K", {0, 2}},
                      Case{"Q5_K", {0, 2}}, Case{"Q6_K", {208}}, Case{"IQ2_XXS", {0}},
                      Case{"IQ2_XS", {0}}, Case{"IQ2_S", {0}}, Case{"IQ3_XXS", {0}},
                      Case{"IQ3_S", {0}}, Case{"IQ1_S", {0}}, Case{"IQ4_NL", {0}},
                      Case{"IQ4_XS", {0}}, Case{"TQ1_0", {52}}, Case{"TQ2_0", {64}},
                      Case{"Q1_0", {0}}, Case{"Q2_0", {0}}),
    [](const auto& test) { return test.param.type; });

TEST_P(F16Scales, FindsNanAndInfinityInTheirBlock) {
  const auto& [type, positions] = GetParam();
  const std::size_t stride = gguf::traits(gguf::type_from_name(type).value()).block_bytes;
  EXPECT_EQ(scan(type, blocks_of(type)), std::nullopt);
  for (const std::size_t at : positions)
    for (const auto bad : std::initializer_list<std::uint16_t>{0x7c00, 0xfc00, 0x7e00, 0x7c01}) {
      auto bytes = blocks_of(type);
      put(bytes, 3 * stride + at, bad);
      EXPECT_EQ(scan(type, bytes), 3U) << at;
      put(bytes, 1 * stride + at, bad);
      EXPECT_EQ(scan(type, bytes), 1U) << at;
      put(bytes, 1 * stride + at, std::uint16_t{0x7bff});  // the largest finite value
      EXPECT_EQ(scan(type, bytes), 3U) << at;
    }
}

TEST(FirstNotFinite, LooksAtNothingButScales) {
  // All ones everywhere but in the scale.
  std::vector<std::byte> bytes(34, std::byte{0xff});
  bytes[0] = bytes[1] = std::byte{0};
  EXPECT_EQ(scan("Q8_0", bytes), std::nullopt);
  bytes.assign(210, std::byte{0xff});
  bytes[208] = bytes[209] = std::byte{0};
  EXPECT_EQ(scan("Q6_K", bytes), std::nullopt);
}

TEST(FirstNotFinite, FindsFloats) {
  for (const float bad :
       {std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity(),
        std::numeric_limits<float>::quiet_NaN()}) {
    auto bytes = blocks_of("F32");
    put(bytes, 8, std::numeric_limits<float>::max());
    EXPECT_EQ(scan("F32", bytes), std::nullopt);
    put(bytes, 8, bad);
    EXPECT_EQ(scan("F32", bytes), 2U);
    bytes = blocks_of("Q8_K");
    put(bytes, 4 * 292, bad);
    EXPECT_EQ(scan("Q8_K", bytes), 4U);
  }
  auto bytes = blocks_of("F64");
  put(bytes, 8, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(scan("F64", bytes), 1U);
  bytes = blocks_of("BF16");
  EXPECT_EQ(scan("BF16", bytes), std::nullopt);
  put(bytes, 2, std::uint16_t{0x7f80});
  EXPECT_EQ(scan("BF16", bytes), 1U);
}

TEST(FirstNotFinite, FindsTheNanOfE8m0) {
  auto bytes = blocks_of("MXFP4");
  EXPECT_EQ(scan("MXFP4", bytes), std::nullopt);
  bytes[2 * 17] = std::byte{0xff};
  EXPECT_EQ(scan("MXFP4", bytes), 2U);
}

TEST(FirstNotFinite, AssemblesTheScaleOfIq1m) {
  auto bytes = std::vector<std::byte>(2 * 56);
  EXPECT_EQ(scan("IQ1_M", bytes), std::nullopt);
  // 0x7c00 = infinity: nibbles 0, 0, c, 7 in the tops of the four words at byte 48.
  put(bytes, 56 + 48 + 4, std::uint16_t{0xcfff});
  put(bytes, 56 + 48 + 6, std::uint16_t{0x7fff});
  EXPECT_EQ(scan("IQ1_M", bytes), 1U);
  put(bytes, 56 + 48 + 4, std::uint16_t{0x8fff});
  EXPECT_EQ(scan("IQ1_M", bytes), std::nullopt);
}

TEST(FirstNotFinite, HasNothingToSayOfIntegers) {
  EXPECT_EQ(scan("I32", std::vector<std::byte>(64, std::byte{0xff})), std::nullopt);
  EXPECT_EQ(scan("NVFP4", std::vector<std::byte>(72, std::byte{0xff})), std::nullopt);
}

}  // namespace
}  // namespace coe
