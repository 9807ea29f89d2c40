// This reads GGUF of version 2 or 3, one file or the parts of a split model. The bytes are
// untrusted: every length, count and offset is validated against what is there. It does not
// interpret the model (see moe/).
//
// Layout (little-endian): "GGUF", u32 version, u64 n_tensors, u64 n_kv; keys (string, u32 type,
// value); tensor infos (name, u32 n_dims, u64 ne[], u32 type, u64 offset in the data section);
// padding to general.alignment (default 32); data, tensors in info order, each padded to the
// alignment.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/stat.h>
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
  std::uint64_t offset = 0;                   // from the start of its file's data section
  std::uint64_t n_bytes = 0;                  // without padding
  std::uint32_t part = 0;                     // which file of a split model

  // Index of the last dimension that is not 1, whether the file lists those after it or not; 0
  // where all are.
  std::size_t last_axis() const {
    std::size_t axis = kMaxDims - 1;
    while (axis > 0 && ne[axis] == 1) --axis;
    return axis;
  }
  std::uint64_t last_dim() const { return ne[last_axis()]; }
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

class GgufSource;

// A model is one file, or all parts of a split one (`NAME-00001-of-00003.gguf`, …, as
// llama-gguf-split writes them). Tensor bytes are read with pread into the caller's memory, so what
// is resident does not grow with the file. Several threads may call read() at once.
class GgufFile {
 public:
  // `path` is the file, or the first part; the others are found by name. Errors: those of
  // MappedFile::open and parse_header. A file that is not GGUF at all says so and names what it
  // looks like, where that is known (safetensors, zip, HTML of a failed download, a git-lfs
  // pointer). kNotFound for a missing part, kCorrupt for parts that contradict each other.
  static Result<GgufFile> open(const Path& path);
  // The same of one that is no file. `path()` is its name, and there is no descriptor.
  static GgufFile of(std::shared_ptr<const GgufSource> source);
  // Opens these files as the one part, or all parts, of a model, whatever they are called. Errors:
  // those of open(); kCorrupt where the first has another number of parts.
  static Result<GgufFile> open_parts(std::span<const Path> files);

  // Returns the header of the whole model: the keys of the first part without the `split.*` ones,
  // and the tensors of all parts in order. data_offset is the first part's, file_bytes the sum.
  const Header& header() const { return header_; }
  const Path& path() const { return parts_[0].path; }

  std::size_t n_part() const { return parts_.size(); }
  const Header& part_header(std::size_t part) const { return parts_[part].header; }
  const Path& part_path(std::size_t part) const { return parts_[part].path; }
  // -1 where the model is no file.
  int part_fd(std::size_t part) const { return parts_[part].file ? parts_[part].file->fd() : -1; }

  // Returns the position of the tensor's first byte in its file.
  std::uint64_t position(const TensorInfo& tensor) const {
    return parts_[tensor.part].header.data_offset + tensor.offset;
  }
  // Fills `out` with the tensor's bytes from `offset` on. Errors: kIo, also when the file has
  // become shorter since it was opened.
  Status read(const TensorInfo& tensor, std::uint64_t offset, std::span<std::byte> out) const;
  // Does the same for any bytes of a part.
  Status read_part(std::size_t part, std::uint64_t position, std::span<std::byte> out) const;
  // kMismatch when a file is not what it was when it was opened: other length or time of change.
  Status check_unchanged() const;
  // Asks the system to have these bytes of a part ready soon. It is a hint, so nothing can fail.
  void will_need(std::size_t part, std::uint64_t position, std::uint64_t n_bytes) const;
  // Reads all of a tensor, which must fit in memory.
  Result<std::vector<std::byte>> read_all(const TensorInfo& tensor) const;

 private:
  struct Part {
    std::optional<MappedFile> file;
    std::shared_ptr<const GgufSource> source{};  // where there is no file
    Header header;
    Path path;
    struct stat opened{};
  };
  static Result<Part> open_part(const Path& path);
  Status join();
  std::vector<Part> parts_;
  Header header_;
};

// Returns the name of part `index` (from 0) of `n_part`: "model.gguf" →
// "model-00002-of-00003.gguf".
Path part_name(const Path& whole, std::size_t index, std::size_t n_part);
// Returns where the parts of a model begin whose tensors have these sizes. A part has as many
// tensors as fit into `max_bytes` (0: all), in order and at least one.
std::vector<std::size_t> part_starts(std::span<const std::uint64_t> sizes, std::uint64_t max_bytes);
// Returns the keys by which part `index` of `n_part` (at most 65,535) is known.
std::vector<KeyValue> part_keys(std::size_t index, std::size_t n_part, std::size_t n_tensor);

}  // namespace coe::gguf
