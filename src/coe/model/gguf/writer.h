// This writes GGUF version 3. encode_header is for surgery, which then streams tensor bytes itself;
// write_gguf is for small files that are held in memory (routing profiles, test models).
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace coe::gguf {

// Lays the tensors out in order (offset = running sum of padded sizes; n_bytes from type and ne),
// writes them back into `header.tensors`, sets data_offset and file_bytes, and returns the bytes of
// the header, padded to `header.alignment` unless there are no tensors. An alignment other than the
// default must be among the keys (general.alignment, u32). Errors: kInvalidArgument for duplicate
// or empty names, rows that do not fill blocks, or sizes that overflow.
Result<std::vector<std::byte>> encode_header(Header& header);

struct TensorData {
  TensorInfo info;  // name, type, n_dims, ne
  std::vector<std::byte> bytes;
};

// A shape of at most kMaxDims dimensions, ne[0] contiguous.
using Dims = std::vector<std::uint64_t>;

// `bytes` are all of its values.
TensorData tensor_data(std::string name, TensorType type, const Dims& ne,
                       std::span<const std::byte> bytes);

// Writes a whole file from memory. The same inputs give identical bytes. Errors: those of
// encode_header and AtomicFile.
Status write_gguf(const Path& path, std::vector<KeyValue> keys, std::span<const TensorData> tensors,
                  Overwrite overwrite);

}  // namespace coe::gguf
