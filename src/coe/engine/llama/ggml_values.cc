#include "coe/engine/llama/ggml_values.h"

#include "coe/model/gguf/tensor_type.h"

#include <ggml.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace coe {
namespace {

class GgmlValues : public gguf::Dequantizer {
 public:
  bool can(gguf::TensorType type) const override {
    const auto id = static_cast<ggml_type>(type);
    return id == GGML_TYPE_F32 || ggml_get_type_traits(id)->to_float != nullptr;
  }

  void to_floats(gguf::TensorType type, std::span<const std::byte> blocks,
                 std::span<float> values) const override {
    const auto id = static_cast<ggml_type>(type);
    if (id == GGML_TYPE_F32)  // ggml has no conversion of floats to floats
      std::memcpy(values.data(), blocks.data(), std::min(blocks.size(), values.size_bytes()));
    else
      ggml_get_type_traits(id)->to_float(blocks.data(), values.data(),
                                         static_cast<std::int64_t>(values.size()));
  }
};

class GgmlBlocks : public gguf::Quantizer {
 public:
  bool can_make(gguf::TensorType type) const override {
    switch (static_cast<ggml_type>(type)) {
      case GGML_TYPE_F32:
      case GGML_TYPE_F16:
      case GGML_TYPE_BF16:
      case GGML_TYPE_Q4_0:
      case GGML_TYPE_Q4_1:
      case GGML_TYPE_Q5_0:
      case GGML_TYPE_Q5_1:
      case GGML_TYPE_Q8_0:
      case GGML_TYPE_Q2_K:
      case GGML_TYPE_Q3_K:
      case GGML_TYPE_Q4_K:
      case GGML_TYPE_Q5_K:
      case GGML_TYPE_Q6_K:
      case GGML_TYPE_IQ4_NL:
      case GGML_TYPE_IQ4_XS:
        return true;
      default:
        return false;  // no floats, or only with an importance matrix, or unknown
    }
  }

  void to_blocks(gguf::TensorType type, std::span<const float> values, std::size_t n_column,
                 std::span<std::byte> blocks) const override {
    const auto id = static_cast<ggml_type>(type);
    if (values.empty()) return;
    ggml_quantize_chunk(id, values.data(), blocks.data(), 0,
                        static_cast<std::int64_t>(values.size() / n_column),
                        static_cast<std::int64_t>(n_column), nullptr);
  }
};

}  // namespace

const gguf::Quantizer& ggml_blocks() {
  static const GgmlBlocks blocks;
  return blocks;
}

const gguf::Dequantizer& ggml_values() {
  static const GgmlValues values;
  return values;
}

}  // namespace coe
