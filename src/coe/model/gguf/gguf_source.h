// The bytes of a GGUF file that no disk has to hold: a child that is cut while it is read.
#pragma once

#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

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

}  // namespace coe::gguf
