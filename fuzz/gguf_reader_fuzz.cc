// Any bytes: the reader refuses them or gives a header whose every part can be used, and the
// description of the model refuses them or ends.
#include "coe/base/file.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include "memory_file.h"
#include "require.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace {

// Reads everything there is to read.
void use(const coe::gguf::Header& header) {
  for (const auto& [key, value] : header.keys) {
    require(!key.empty());
    (void)value.preview();
    (void)value.as_uint();
    (void)value.as_float();
    (void)value.as_bool();
    (void)value.as_string();
    (void)value.as_uint_array();
    (void)value.as_float_array();
    (void)value.as_string_array();
  }
  for (const auto& tensor : header.tensors) {
    (void)shape_text(tensor);
    require(header.data_offset + tensor.offset + tensor.n_bytes <= header.file_bytes);
  }
}

// So that the reader of files and the model's description see the bytes too.
void describe(std::span<const std::byte> bytes, bool may_be_part) {
  const MemoryFile memory(bytes);
  const auto file = coe::gguf::GgufFile::open(memory.path());
  require(file.has_value() || (may_be_part && !file.error().message.empty()));
  if (!file) return;
  const auto model = coe::describe_moe(*file);
  require(model.has_value() || !model.error().message.empty());
  if (model) require(!model->layers.empty());
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto header = coe::gguf::parse_header(bytes, size, "fuzz.gguf");
  if (!header) {
    require(!header.error().message.empty());
    return 0;
  }
  use(*header);
  describe(bytes, header->find_key("split.count") != nullptr);
  return 0;
}
