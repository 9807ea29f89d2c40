// Our reader against ggml's: what one accepts the other accepts, and both see the same keys, values
// and tensors. ggml reads headers only (no_alloc), so that data beyond the end of the file is left
// to us; that is the first of the deliberate differences, in which ours is the stricter:
//
//  1. Tensor data must lie inside the file. With no_alloc ggml does not look.
//  2. Names of keys and tensors hold no NUL, and those of tensors are not empty. ggml cuts names at
//  a
//     NUL, and would take its part of `general.alignment\0…` for the alignment.
//  3. A bool is 0 or 1. ggml takes any byte for true.
//  4. The number of elements fits 63 bits. ggml computes it in signed arithmetic that wraps, and
//  takes
//     2^32 × 2^32 elements for none.
#include "coe/base/checked.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"

#include "require.h"

#include <ggml.h>
#include <gguf.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace {

using coe::gguf::Header;
using coe::gguf::Value;
using coe::gguf::ValueType;

struct Free {
  void operator()(gguf_context* context) const { gguf_free(context); }
};
using Theirs = std::unique_ptr<gguf_context, Free>;

void drop_log(ggml_log_level /*level*/, const char* /*text*/, void* /*user*/) {}

Theirs read_theirs(std::span<const std::byte> bytes) {
  ggml_log_set(drop_log, nullptr);
  return Theirs(
      gguf_init_from_buffer(bytes.data(), bytes.size(), {.no_alloc = true, .ctx = nullptr}));
}

bool elements_fit(const gguf_context* theirs, std::int64_t tensor) {
  const std::int64_t* ne = gguf_get_tensor_ne(theirs, tensor);
  if (std::find(ne, ne + GGML_MAX_DIMS, 0) != ne + GGML_MAX_DIMS) return true;
  std::uint64_t product = 1;
  for (int d = 0; d < GGML_MAX_DIMS; ++d) {
    const auto next = coe::checked_mul(product, static_cast<std::uint64_t>(ne[d]));
    if (!next || *next > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) return false;
    product = *next;
  }
  return true;
}

bool is_inside(const gguf_context* theirs, std::int64_t tensor, std::size_t size) {
  const auto start =
      coe::checked_add(gguf_get_data_offset(theirs), gguf_get_tensor_offset(theirs, tensor));
  const auto end =
      start ? coe::checked_add(*start, gguf_get_tensor_size(theirs, tensor)) : std::nullopt;
  return end && *end <= size;
}

// Whether one of the differences listed above explains that we refuse what ggml accepts. What ggml
// has forgotten (bytes after a NUL, the byte of a bool) is judged by our message.
bool may_refuse(const gguf_context* theirs, std::size_t size, const std::string& message) {
  if (message.find("bool that is neither 0 nor 1") != std::string::npos) return true;
  if (message.find("has an invalid name") != std::string::npos) return true;
  for (std::int64_t i = 0; i < gguf_get_n_tensors(theirs); ++i) {
    if (gguf_get_tensor_name(theirs, i)[0] == '\0') return true;
    if (!elements_fit(theirs, i) || !is_inside(theirs, i, size)) return true;
  }
  return false;
}

// Where the elements of a value begin, and whether it is theirs byte for byte. Strings end at a NUL
// for ggml's getters.
void compare_value(const Value& ours, const gguf_context* theirs, std::int64_t key) {
  require(static_cast<std::uint32_t>(ours.type()) ==
          static_cast<std::uint32_t>(gguf_get_kv_type(theirs, key)));
  const auto bytes = ours.bytes();
  if (ours.type() == ValueType::kString) {
    require(std::string(*ours.as_string()).c_str() ==
            std::string_view(gguf_get_val_str(theirs, key)));
    return;
  }
  if (!ours.is_array()) {
    require(std::memcmp(gguf_get_val_data(theirs, key), bytes.data(), bytes.size()) == 0);
    return;
  }
  require(static_cast<std::uint32_t>(ours.array_type()) ==
          static_cast<std::uint32_t>(gguf_get_arr_type(theirs, key)));
  require(ours.array_size() == gguf_get_arr_n(theirs, key));
  if (ours.array_type() == ValueType::kString) {
    const auto texts = *ours.as_string_array();
    for (std::size_t i = 0; i < texts.size(); ++i)
      require(texts[i].c_str() == std::string_view(gguf_get_arr_str(theirs, key, i)));
    return;
  }
  const auto elements = bytes.subspan(12);  // after element type and count
  require(elements.empty() ||
          std::memcmp(gguf_get_arr_data(theirs, key), elements.data(), elements.size()) == 0);
}

void compare(const Header& ours, const gguf_context* theirs) {
  require(ours.version == gguf_get_version(theirs));
  require(ours.alignment == gguf_get_alignment(theirs));
  require(ours.data_offset == gguf_get_data_offset(theirs));
  require(ours.keys.size() == static_cast<std::size_t>(gguf_get_n_kv(theirs)));
  for (std::size_t i = 0; i < ours.keys.size(); ++i) {
    const auto key = static_cast<std::int64_t>(i);
    require(ours.keys[i].key.c_str() == std::string_view(gguf_get_key(theirs, key)));
    compare_value(ours.keys[i].value, theirs, key);
  }
  require(ours.tensors.size() == static_cast<std::size_t>(gguf_get_n_tensors(theirs)));
  for (std::size_t i = 0; i < ours.tensors.size(); ++i) {
    const auto id = static_cast<std::int64_t>(i);
    const auto& tensor = ours.tensors[i];
    require(tensor.name == gguf_get_tensor_name(theirs, id));
    require(static_cast<std::uint32_t>(tensor.type) ==
            static_cast<std::uint32_t>(gguf_get_tensor_type(theirs, id)));
    const std::int64_t* ne = gguf_get_tensor_ne(theirs, id);
    for (std::uint32_t d = 0; d < coe::gguf::kMaxDims; ++d)
      require(tensor.ne[d] == static_cast<std::uint64_t>(ne[d]));
    require(tensor.offset == gguf_get_tensor_offset(theirs, id));
    require(tensor.n_bytes == gguf_get_tensor_size(theirs, id));
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto ours = coe::gguf::parse_header(bytes, size, "fuzz.gguf");
  const auto theirs = read_theirs(bytes);
  if (ours) {
    require(theirs != nullptr);
    compare(*ours, theirs.get());
  } else if (theirs != nullptr) {
    require(may_refuse(theirs.get(), size, ours.error().message));
  }
  return 0;
}
