// Text that lies packed: gzip and zstd files are read as what is in them.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace coe {

// Unpacked text is held in memory, so there is a bound to it.
inline constexpr std::uint64_t kMostUnpackedBytes = std::uint64_t{4} << 30;

// Returns what is in the bytes of a gzip or zstd file, all its members one behind the other;
// nullopt for any other file. `name` stands for it in messages. Errors: kCorrupt where it is
// damaged, cut off, or followed by something else, naming the byte; kUnsupported for more than
// `most` bytes.
Result<std::optional<std::string>> unpack(std::span<const std::byte> bytes, std::string_view name,
                                          std::uint64_t most = kMostUnpackedBytes);

// A text file, packed or not.
class TextFile {
 public:
  // Errors: those of MappedFile::open and unpack.
  static Result<TextFile> open(const Path& path);

  // Is valid as long as the file.
  std::string_view text() const;
  // The file's bytes as they lie on the disk.
  std::string_view stored() const;

 private:
  TextFile(MappedFile file, std::optional<std::string> unpacked)
      : file_(std::move(file)), unpacked_(std::move(unpacked)) {}

  MappedFile file_;
  std::optional<std::string> unpacked_;
};

}  // namespace coe
