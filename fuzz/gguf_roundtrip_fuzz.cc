// What the reader accepts, the writer writes again, and the reader reads the same from it.
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/writer.h"

#include "require.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace {

void compare(const coe::gguf::Header& a, const coe::gguf::Header& b) {
  require(a.alignment == b.alignment);
  require(a.data_offset == b.data_offset);
  require(a.keys.size() == b.keys.size());
  for (std::size_t i = 0; i < a.keys.size(); ++i) {
    require(a.keys[i].key == b.keys[i].key);
    require(a.keys[i].value == b.keys[i].value);
  }
  require(a.tensors.size() == b.tensors.size());
  for (std::size_t i = 0; i < a.tensors.size(); ++i) {
    require(a.tensors[i].name == b.tensors[i].name);
    require(a.tensors[i].type == b.tensors[i].type);
    require(a.tensors[i].n_dims == b.tensors[i].n_dims);
    require(a.tensors[i].ne == b.tensors[i].ne);
    require(a.tensors[i].offset == b.tensors[i].offset);
    require(a.tensors[i].n_bytes == b.tensors[i].n_bytes);
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto first = coe::gguf::parse_header(std::as_bytes(std::span(data, size)), size, "fuzz");
  if (!first) return 0;
  auto written = *first;
  const auto bytes = coe::gguf::encode_header(written);
  require(bytes.has_value());
  const auto second = coe::gguf::parse_header(*bytes, written.file_bytes, "again");
  require(second.has_value());
  compare(*first, *second);
  return 0;
}
