// Streams a synthetic model into one file or into shards: a few MiB of buffer, whatever its size.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"

#include "make_model/shape.h"

#include <cstdint>
#include <vector>

namespace coe::tools {

struct WriteOptions {
  Path output;  // of shards: PREFIX.gguf gives PREFIX-00001-of-0000N.gguf
  std::uint64_t seed = 1;
  std::uint64_t split_max_bytes = 0;  // of tensor data in a shard; 0: one file
  Overwrite overwrite = Overwrite::kRefuse;
};

struct WrittenFile {
  Path path;
  std::uint64_t n_bytes = 0;
  std::uint64_t header_bytes = 0;
  std::size_t n_tensor = 0;
};

// A tensor's data depends on the seed and its name alone, so shards hold the bytes that one file
// would, and a model with fewer layers the first bytes of one with more. All files get their final
// names after the last byte of the last one is written. Errors: those of AtomicFile and
// encode_header.
Result<std::vector<WrittenFile>> write_model(SyntheticModel model, const WriteOptions& options);

}  // namespace coe::tools
