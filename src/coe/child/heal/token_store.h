// Vectors of many tokens on disk, layer by layer: what the engine told of a text, for fits that
// look at one layer at a time. Half floats with a scale for each vector: residual streams have
// values that a half float cannot hold.
#pragma once

#include "coe/base/descriptor.h"
#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/child/heal/linear_algebra.h"
#include "coe/model/gguf/dequantizer.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coe {

class TokenStore {
 public:
  enum Kind : std::uint8_t {
    kStream,   // the residual stream that enters the FFN
    kExperts,  // what the parent's experts gave together
    kKept,     // what the kept ones would have given
    kNoKind
  };
  struct Shape {
    std::size_t n_layer = 0;
    std::size_t n_token = 0;
    std::size_t n_embd = 0;
  };
  // Bytes that it takes on disk.
  static std::uint64_t bytes_of(const Shape& shape);

  // Makes the file, or opens one that is there and as long. Both converters must outlive the store.
  // Errors: kIo, also where there is no room.
  static Result<TokenStore> open(const Path& file, const Shape& shape,
                                 const gguf::Dequantizer& values, const gguf::Quantizer& blocks);

  // `rows`: vectors of tokens [first, …) of one layer, by its place. Several threads may write at
  // once, each rows of its own. Errors: kIo.
  Status write(std::size_t layer, Kind kind, std::size_t first, std::span<const float> rows) const;
  // Vectors of tokens [first, first + n), into `rows`, whose memory is used again. Errors: kIo.
  Status read(std::size_t layer, Kind kind, std::size_t first, std::size_t n, Matrix& rows) const;
  // Returns when what was written is on disk. Errors: kIo.
  Status flush() const;

 private:
  TokenStore(Path path, Descriptor file, const Shape& shape, const gguf::Dequantizer& values,
             const gguf::Quantizer& blocks);
  // Vectors that lie one after the other from byte `at` on, into rows from `first` on.
  Status read_rows(std::uint64_t at, std::size_t first, std::size_t n, Matrix& rows) const;
  std::size_t row_bytes() const;
  std::uint64_t position(std::size_t layer, Kind kind, std::size_t token) const;

  Path path_;
  Descriptor file_;
  Shape shape_;
  const gguf::Dequantizer* values_;
  const gguf::Quantizer* blocks_;
};

}  // namespace coe
