#include "coe/model/gguf/tensor_type.h"

#include "coe/base/result.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace coe::gguf {
namespace {

constexpr TypeTraits row(std::uint32_t id, std::string_view name, std::uint32_t block_size,
                         std::uint32_t block_bytes) {
  return {TensorType{id}, name, block_size, block_bytes};
}

// By ascending id. The gaps are types that ggml has removed.
constexpr std::array kTypes = {
    row(0, "F32", 1, 4),         row(1, "F16", 1, 2),         row(2, "Q4_0", 32, 18),
    row(3, "Q4_1", 32, 20),      row(6, "Q5_0", 32, 22),      row(7, "Q5_1", 32, 24),
    row(8, "Q8_0", 32, 34),      row(9, "Q8_1", 32, 36),      row(10, "Q2_K", 256, 84),
    row(11, "Q3_K", 256, 110),   row(12, "Q4_K", 256, 144),   row(13, "Q5_K", 256, 176),
    row(14, "Q6_K", 256, 210),   row(15, "Q8_K", 256, 292),   row(16, "IQ2_XXS", 256, 66),
    row(17, "IQ2_XS", 256, 74),  row(18, "IQ3_XXS", 256, 98), row(19, "IQ1_S", 256, 50),
    row(20, "IQ4_NL", 32, 18),   row(21, "IQ3_S", 256, 110),  row(22, "IQ2_S", 256, 82),
    row(23, "IQ4_XS", 256, 136), row(24, "I8", 1, 1),         row(25, "I16", 1, 2),
    row(26, "I32", 1, 4),        row(27, "I64", 1, 8),        row(28, "F64", 1, 8),
    row(29, "IQ1_M", 256, 56),   row(30, "BF16", 1, 2),       row(34, "TQ1_0", 256, 54),
    row(35, "TQ2_0", 256, 66),   row(39, "MXFP4", 32, 17),    row(40, "NVFP4", 64, 36),
    row(41, "Q1_0", 128, 18),    row(42, "Q2_0", 64, 18),
};

constexpr std::size_t kIdCount = static_cast<std::size_t>(kTypes.back().type) + 1;

constexpr std::array<std::int16_t, kIdCount> make_index() {
  std::array<std::int16_t, kIdCount> index{};
  index.fill(-1);
  for (std::size_t i = 0; i < kTypes.size(); ++i)
    index[static_cast<std::size_t>(kTypes[i].type)] = static_cast<std::int16_t>(i);
  return index;
}

constexpr auto kIndex = make_index();

}  // namespace

const TypeTraits* find_type(std::uint32_t id) {
  if (id >= kIdCount) return nullptr;
  const int row = kIndex[id];
  return row < 0 ? nullptr : &kTypes[static_cast<std::size_t>(row)];
}

const TypeTraits& traits(TensorType type) {
  const TypeTraits* found = find_type(static_cast<std::uint32_t>(type));
  COE_CHECK(found != nullptr);
  return *found;
}

std::optional<TensorType> type_from_name(std::string_view name) {
  const auto* const found = std::ranges::find(kTypes, name, &TypeTraits::name);
  if (found == kTypes.end()) return std::nullopt;
  return found->type;
}

}  // namespace coe::gguf
