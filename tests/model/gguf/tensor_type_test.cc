#include "coe/model/gguf/tensor_type.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace coe::gguf {
namespace {

TEST(TensorType, KnowsBlocksOfCommonTypes) {
  const auto expect = [](std::uint32_t id, std::string_view name, std::uint32_t block_size,
                         std::uint32_t block_bytes) {
    const TypeTraits* type = find_type(id);
    ASSERT_NE(type, nullptr) << name;
    EXPECT_EQ(type->name, name);
    EXPECT_EQ(type->block_size, block_size) << name;
    EXPECT_EQ(type->block_bytes, block_bytes) << name;
    EXPECT_EQ(type_from_name(name), TensorType{id});
  };
  expect(0, "F32", 1, 4);
  expect(8, "Q8_0", 32, 34);
  expect(12, "Q4_K", 256, 144);
  expect(14, "Q6_K", 256, 210);
  expect(30, "BF16", 1, 2);
  expect(39, "MXFP4", 32, 17);
  expect(42, "Q2_0", 64, 18);
}

TEST(TensorType, NamesThoseOfItsOwnFiles) {
  EXPECT_EQ(traits(TensorType::kF32).name, "F32");
  EXPECT_EQ(traits(TensorType::kI8).name, "I8");
  EXPECT_EQ(traits(TensorType::kI64).name, "I64");
  EXPECT_EQ(traits(TensorType::kF64).name, "F64");
}

TEST(TensorType, BlocksHoldTheBitsOfTheirNames) {
  // Bits a weight that ggml states for each family; a typing error in the table would stand out.
  const auto bits = [](std::string_view name) {
    const auto& type = traits(type_from_name(name).value());
    return 8.0 * type.block_bytes / type.block_size;
  };
  EXPECT_DOUBLE_EQ(bits("Q4_0"), 4.5);
  EXPECT_DOUBLE_EQ(bits("Q5_0"), 5.5);
  EXPECT_DOUBLE_EQ(bits("Q8_0"), 8.5);
  EXPECT_DOUBLE_EQ(bits("Q2_K"), 2.625);
  EXPECT_DOUBLE_EQ(bits("Q3_K"), 3.4375);
  EXPECT_DOUBLE_EQ(bits("Q4_K"), 4.5);
  EXPECT_DOUBLE_EQ(bits("Q5_K"), 5.5);
  EXPECT_DOUBLE_EQ(bits("Q6_K"), 6.5625);
  EXPECT_DOUBLE_EQ(bits("IQ2_XXS"), 2.0625);
  EXPECT_DOUBLE_EQ(bits("IQ3_S"), 3.4375);
  EXPECT_DOUBLE_EQ(bits("IQ4_XS"), 4.25);
  EXPECT_DOUBLE_EQ(bits("TQ1_0"), 1.6875);
  EXPECT_DOUBLE_EQ(bits("MXFP4"), 4.25);
  EXPECT_DOUBLE_EQ(bits("NVFP4"), 4.5);
}

TEST(TensorType, RefusesRemovedAndFutureIds) {
  for (const std::uint32_t id : {4U, 5U, 31U, 32U, 33U, 36U, 37U, 38U, 43U, 255U, 0xffffffffU})
    EXPECT_EQ(find_type(id), nullptr) << id;
  EXPECT_EQ(type_from_name("Q4_2"), std::nullopt);
}

}  // namespace
}  // namespace coe::gguf
