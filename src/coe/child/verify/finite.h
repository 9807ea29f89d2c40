// Finds values that are not finite: floats themselves, or the scales of quantised blocks.
#pragma once

#include "coe/model/gguf/tensor_type.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace coe {

// Returns the index of the first block (of floats: value) in `bytes` whose float or scale is NaN or
// infinite, and nullopt when all are finite or the type has none. `bytes` holds whole blocks of
// `type`. Source of the layouts: ggml v0.25.1 ggml-common.h block structs.
std::optional<std::uint64_t> first_not_finite(gguf::TensorType type,
                                              std::span<const std::byte> bytes);

}  // namespace coe
