// The bytes of a GGUF file that no disk has to hold: a child that is cut while it is read.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace coe::gguf {

// Several threads may read at once.
class GgufSource {
 public:
  virtual ~GgufSource() = default;
  // Stands for the file in messages.
  virtual const std::string& name() const = 0;
  // The whole file's: header().file_bytes is how much there is to read.
  virtual const Header& header() const = 0;
  // Fills `out` with the bytes from `position` on, all of which lie in the file. Errors: kIo.
  virtual Status read(std::uint64_t position, std::span<std::byte> out) const = 0;
  // To be asked after the last read. Errors: kMismatch when what the bytes come from has changed
  // since it was opened.
  virtual Status check_unchanged() const = 0;
};

// Writes what a source holds as a file, which appears when it is complete. Memory: a buffer. Tells
// the observer of bytes under `stage`. Errors: those of GgufSource and AtomicFile; kIo where the
// disk has too little room, before the first byte; kCancelled.
Status write_source(const GgufSource& source, const Path& path, Overwrite overwrite,
                    std::string_view stage, Observer& observer);

}  // namespace coe::gguf
