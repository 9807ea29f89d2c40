// The headers of four real MoE models, with data still to be made up: keys, and every tensor's
// name, type and shape as llama.cpp v0.5.0 wants and llama-quantize makes them.
#pragma once

#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"

#include "make_model/fill.h"

#include <cstdint>
#include <string>
#include <vector>

namespace coe::tools {

struct ShapeOptions {
  std::string shape;           // one of shape_names()
  std::uint32_t n_layer = 0;   // without the MTP block; 0: as many as the real model
  std::uint32_t n_expert = 0;  // 0: as many as the real model
  std::uint32_t n_vocab = 0;   // 0: as many as the real model
  bool vocabulary = true;      // write the tokens themselves into the header
};

struct SyntheticTensor {
  gguf::TensorInfo info;  // name, type, n_dims, ne
  Fill values;
};

struct SyntheticModel {
  std::vector<gguf::KeyValue> keys;
  std::vector<SyntheticTensor> tensors;  // in llama-quantize's order
};

std::vector<std::string> shape_names();

// Errors: kInvalidArgument for an unknown shape and for counts that llama.cpp does not load.
Result<SyntheticModel> build_model(const ShapeOptions& options);

}  // namespace coe::tools
