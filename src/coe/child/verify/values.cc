#include "coe/child/verify/values.h"

#include "coe/child/verify/finite.h"
#include "coe/model/gguf/tensor_type.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>

namespace coe {
namespace {

constexpr std::size_t kBatchValues = 8192;  // 32 KB of floats: the first-level cache

double sum_of_squares(std::span<const float> values) {
  // Independent sums, so that the compiler can keep them in vector registers. Floats of one batch:
  // their squares cannot overflow a double, and rounding stays far below what a norm is read for.
  constexpr std::size_t kLanes = 8;
  double sums[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      const double value = values[i + lane];
      sums[lane] += value * value;
    }
  double total = 0.0;
  for (; i < values.size(); ++i) total += static_cast<double>(values[i]) * values[i];
  for (const double sum : sums) total += sum;
  return total;
}

}  // namespace

ScannedValues ValueScan::look(gguf::TensorType type, std::span<const std::byte> blocks) {
  ScannedValues out;
  if (dequantizer_ == nullptr || !dequantizer_->can(type)) {
    out.bad_block = first_not_finite(type, blocks);
    return out;
  }
  const auto& traits = gguf::traits(type);
  const std::size_t batch = std::max<std::size_t>(1, kBatchValues / traits.block_size);
  const std::size_t n_block = blocks.size() / traits.block_bytes;
  values_.resize(batch * traits.block_size);
  for (std::size_t first = 0; first < n_block; first += batch) {
    const std::size_t n = std::min(batch, n_block - first);
    const auto values = std::span(values_).first(n * traits.block_size);
    dequantizer_->to_floats(
        type, blocks.subspan(first * traits.block_bytes, n * traits.block_bytes), values);
    const double sum = sum_of_squares(values);
    if (std::isfinite(sum)) {
      out.sum_of_squares += sum;
    } else if (!out.bad_block) {
      const auto bad = std::ranges::find_if(values, [](float v) { return !std::isfinite(v); });
      out.bad_block = first + static_cast<std::size_t>(bad - values.begin()) / traits.block_size;
    }
  }
  // Scales that the values do not show, such as the NaN of an empty product.
  if (!out.bad_block) out.bad_block = first_not_finite(type, blocks);
  return out;
}

}  // namespace coe
