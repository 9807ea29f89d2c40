#include "coe/child/verify/values.h"

#include "coe/model/gguf/dequantizer.h"
#include "coe/model/gguf/tensor_type.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <vector>

namespace coe {
namespace {

// Stands in for the engine's routines: blocks of two bytes, each byte a value; 255 is infinite.
class Bytes : public gguf::Dequantizer {
 public:
  bool can(gguf::TensorType type) const override { return gguf::traits(type).name == "Q8_0"; }
  void to_floats(gguf::TensorType /*type*/, std::span<const std::byte> blocks,
                 std::span<float> values) const override {
    // Q8_0: 32 values in 34 bytes; the first two bytes are a scale that this ignores.
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto byte = std::to_integer<int>(blocks[i / 32 * 34 + 2 + i % 32]);
      values[i] = byte == 255 ? std::numeric_limits<float>::infinity() : static_cast<float>(byte);
    }
  }
};

const gguf::TensorType kQ8 = gguf::type_from_name("Q8_0").value();
const gguf::TensorType kI32 = gguf::type_from_name("I32").value();

// 300 blocks, more than one batch; all values 0 but those set.
std::vector<std::byte> blocks() { return std::vector<std::byte>(std::size_t{300} * 34); }
std::byte& value(std::vector<std::byte>& bytes, std::size_t block, std::size_t i) {
  return bytes[block * 34 + 2 + i];
}

TEST(ValueScan, SumsSquaresOverBatches) {
  auto bytes = blocks();
  value(bytes, 0, 0) = std::byte{3};
  value(bytes, 255, 31) = std::byte{4};
  value(bytes, 299, 7) = std::byte{12};
  const Bytes dequantizer;
  const auto scanned = ValueScan(&dequantizer).look(kQ8, bytes);
  EXPECT_EQ(scanned.sum_of_squares, 9.0 + 16.0 + 144.0);
  EXPECT_EQ(scanned.bad_block, std::nullopt);
}

TEST(ValueScan, NamesTheFirstBlockWithAValueThatIsNotFinite) {
  auto bytes = blocks();
  value(bytes, 290, 5) = std::byte{255};
  value(bytes, 298, 1) = std::byte{255};
  const Bytes dequantizer;
  EXPECT_EQ(ValueScan(&dequantizer).look(kQ8, bytes).bad_block, 290U);
}

TEST(ValueScan, LooksAtScalesWithoutADequantizerAndBesideIt) {
  auto bytes = blocks();
  bytes[std::size_t{77} * 34 + 1] = std::byte{0x7c};  // an infinite F16
  const Bytes dequantizer;
  EXPECT_EQ(ValueScan(nullptr).look(kQ8, bytes).bad_block, 77U);
  EXPECT_EQ(ValueScan(&dequantizer).look(kQ8, bytes).bad_block, 77U);
  EXPECT_EQ(ValueScan(nullptr).look(kQ8, bytes).sum_of_squares, 0.0);
}

TEST(ValueScan, LetsIntegersBe) {
  const std::vector<std::byte> ones(64, std::byte{0xff});
  const Bytes dequantizer;
  EXPECT_EQ(ValueScan(&dequantizer).look(kI32, ones).bad_block, std::nullopt);
}

}  // namespace
}  // namespace coe
