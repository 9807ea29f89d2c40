// A dequantizer gives the values behind quantised blocks, a quantizer the blocks for values. coe
// has neither of its own: the engine's routines stand behind these interfaces
// (engine/llama/ggml_values.h).
#pragma once

#include "coe/model/gguf/tensor_type.h"

#include <cstddef>
#include <span>

namespace coe::gguf {

class Dequantizer {
 public:
  virtual ~Dequantizer() = default;
  // False for types that hold no floats (integers) or that the engine cannot convert.
  virtual bool can(TensorType type) const = 0;
  // `blocks` are whole blocks of a type that can() accepts; `values` has one float for each of
  // their values. Several threads may call it at once.
  virtual void to_floats(TensorType type, std::span<const std::byte> blocks,
                         std::span<float> values) const = 0;
};

class Quantizer {
 public:
  virtual ~Quantizer() = default;
  // False for types that hold no floats, that the engine cannot make, or not without an importance
  // matrix.
  virtual bool can_make(TensorType type) const = 0;
  // `values` are whole rows of `n_column`, which the type's blocks divide; `blocks` has the bytes
  // that they take. Several threads may call it at once.
  virtual void to_blocks(TensorType type, std::span<const float> values, std::size_t n_column,
                         std::span<std::byte> blocks) const = 0;
};

}  // namespace coe::gguf
