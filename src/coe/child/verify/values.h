// This looks at the values of a run of blocks: whether they are finite, and how long they are as a
// vector.
#pragma once

#include "coe/model/gguf/dequantizer.h"
#include "coe/model/gguf/tensor_type.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace coe {

struct ScannedValues {
  double sum_of_squares = 0.0;             // 0 without a dequantizer
  std::optional<std::uint64_t> bad_block;  // the first (of floats: value) that is not finite
};

// One for each thread.
class ValueScan {
 public:
  // `dequantizer` may be null: then only floats and block scales are judged.
  explicit ValueScan(const gguf::Dequantizer* dequantizer) : dequantizer_(dequantizer) {}
  // `blocks`: whole blocks.
  ScannedValues look(gguf::TensorType type, std::span<const std::byte> blocks);

 private:
  const gguf::Dequantizer* dequantizer_;
  std::vector<float> values_;
};

}  // namespace coe
