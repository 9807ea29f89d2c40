// ggml's own dequantisation behind gguf::Dequantizer.
#pragma once

#include "coe/model/gguf/dequantizer.h"

namespace coe {

// Stateless; lives as long as the process.
const gguf::Dequantizer& ggml_values();

}  // namespace coe
