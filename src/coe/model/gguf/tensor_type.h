// A table holds the tensor types of GGUF: id, name, block. An engine test holds it to ggml's own
// ggml_type_size. Source: ggml v0.25.1 ggml.h `enum ggml_type`, ggml-common.h block structs.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace coe::gguf {

// This is a ggml type id as files store it. Only ids in the table are valid. The types that coe
// writes or asks for by itself have a name here.
enum class TensorType : std::uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ8_0 = 8,  // NOLINT(readability-identifier-naming): as ggml spells it
  kI8 = 24,
  kI64 = 27,
  kF64 = 28
};

struct TypeTraits {
  TensorType type;
  std::string_view name;      // ggml's spelling: "F32", "Q4_K"
  std::uint32_t block_size;   // values per block
  std::uint32_t block_bytes;  // bytes per block
};

// Null for ids that ggml does not know or has removed.
const TypeTraits* find_type(std::uint32_t id);
// `type` must come from a parsed file or the table.
const TypeTraits& traits(TensorType type);
std::optional<TensorType> type_from_name(std::string_view name);

}  // namespace coe::gguf
