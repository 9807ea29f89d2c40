// ggml's own conversions behind gguf::Dequantizer and gguf::Quantizer.
#pragma once

#include "coe/model/gguf/dequantizer.h"

namespace coe {

// Both are stateless and live as long as the process.
const gguf::Dequantizer& ggml_values();
const gguf::Quantizer& ggml_blocks();

}  // namespace coe
