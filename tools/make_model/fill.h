// Random tensor data that no reader can find fault with: finite scales in every block, weights of a
// size at which a forward pass stays finite.
#pragma once

#include "coe/base/rng.h"
#include "coe/model/gguf/tensor_type.h"

#include <cstddef>
#include <span>

namespace coe::tools {

struct Fill {
  float mean = 0.0F;
  float deviation = 1.0F;  // standard deviation
};

// Whether fill() knows the type.
bool can_fill(gguf::TensorType type);

// `out`: whole blocks of `type`. F32 is normal (a sum of four uniform numbers, which is the same on
// every machine); of block types every bit is random but those of the scales, which give about
// `deviation` around zero, and `mean` is ignored.
void fill(gguf::TensorType type, Fill values, std::span<std::byte> out, Rng& rng);

}  // namespace coe::tools
