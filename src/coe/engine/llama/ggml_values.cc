#include "coe/engine/llama/ggml_values.h"

#include "coe/model/gguf/tensor_type.h"

#include <ggml.h>

#include <algorithm>
#include <cstddef>
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

}  // namespace

const gguf::Dequantizer& ggml_values() {
  static const GgmlValues values;
  return values;
}

}  // namespace coe
