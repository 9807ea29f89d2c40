// A dequantizer gives the values behind quantised blocks. coe has no dequantisation of its own: the
// engine's routines stand behind this interface (engine/llama/ggml_values.h).
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

}  // namespace coe::gguf
