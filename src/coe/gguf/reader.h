// Reads a GGUF file of version 2 or 3: validates every length, count and offset against the bytes
// that are there, then hands out views. Inputs: untrusted bytes. Does not: interpret the model (see
// moe/), join split files.
//
// Layout (little-endian): "GGUF", u32 version, u64 n_tensors, u64 n_kv; keys (string, u32 type,
// value); tensor infos (name, u32 n_dims, u64 ne[], u32 type, u64 offset in the data section);
// padding to general.alignment (default 32); data, tensors in info order, each padded to the
// alignment.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/gguf/tensor_type.h"
#include "coe/gguf/value.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe::gguf {

inline constexpr std::uint32_t kMaxDims = 4;
inline constexpr std::uint64_t kDefaultAlignment = 32;

struct TensorInfo {
  std::string name;
  TensorType type{};
  std::uint32_t n_dims = 0;
  std::array<std::uint64_t, kMaxDims> ne{1, 1, 1,
                                         1};  // ne[0] is contiguous; unused dimensions are 1
  std::uint64_t offset = 0;                   // from the start of the data section
  std::uint64_t n_bytes = 0;                  // without padding

  std::uint64_t last_dim() const { return n_dims == 0 ? 1 : ne[n_dims - 1]; }
};

// "[2816, 1408, 128]"
std::string shape_text(const TensorInfo& tensor);

struct Header {
  std::uint32_t version = 3;
  std::uint64_t alignment = kDefaultAlignment;
  std::vector<KeyValue> keys;       // file order
  std::vector<TensorInfo> tensors;  // file order
  std::uint64_t data_offset = 0;    // of the data section, from the start of the file
  std::uint64_t file_bytes = 0;     // of the whole file

  const Value* find_key(std::string_view key) const;
  const TensorInfo* find_tensor(std::string_view name) const;
};

// Parses the head of a file of `file_bytes` bytes of which `bytes` is a prefix long enough to hold
// the header (the whole file, when mapped). Checks that each tensor's data lies inside the file.
// Errors: kCorrupt, with the byte position, key or tensor; kUnsupported for other versions and byte
// orders. `name` stands for the file in messages.
Result<Header> parse_header(std::span<const std::byte> bytes, std::uint64_t file_bytes,
                            std::string_view name);

// A mapped file and its header. Thread-compatible; views die with it.
class GgufFile {
 public:
  // Errors: those of MappedFile::open and parse_header. A file that is not GGUF at all says so and
  // names what it looks like, where that is known (safetensors, zip, HTML of a failed download, a
  // git-lfs pointer).
  static Result<GgufFile> open(const Path& path);

  const Header& header() const { return header_; }
  const Path& path() const { return path_; }
  // The whole file.
  std::span<const std::byte> bytes() const { return file_.bytes(); }
  std::span<const std::byte> data(const TensorInfo& tensor) const;
  // Position of the tensor's first byte in the file.
  std::uint64_t position(const TensorInfo& tensor) const {
    return header_.data_offset + tensor.offset;
  }
  int fd() const { return file_.fd(); }

 private:
  GgufFile(MappedFile file, Header header, Path path);
  MappedFile file_;
  Header header_;
  Path path_;
};

}  // namespace coe::gguf
