// All file access of coe goes through here: read-only mappings, whole small files, and outputs that
// appear under their final name only when complete (temporary in the same folder → fsync → rename).
#pragma once

#include "coe/base/descriptor.h"
#include "coe/base/result.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace coe {

using Path = std::filesystem::path;

// A mapped file is a read-only view of a whole file. It can only be moved, and spans from it die
// with it. Errors: kNotFound, kIo; kUnsupported for folders and devices.
class MappedFile {
 public:
  static Result<MappedFile> open(const Path& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  // The open descriptor, for reads and in-kernel copies that should not go through the mapping.
  int fd() const { return descriptor_.get(); }
  // Lets go of the mapping but keeps the descriptor: bytes() is empty from here on.
  void release();

 private:
  MappedFile() = default;
  Descriptor descriptor_;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// The bytes of a whole file of at most 2 GiB. Errors: kNotFound, kIo; kUnsupported for larger ones,
// folders, pipes and devices.
Result<std::string> read_text(const Path& path);

// Fills `out` with the bytes of a descriptor of `path` from `offset` on. Returns how many there
// were. Errors: kIo.
Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<std::byte> out,
                            const Path& path);

enum class Overwrite { kRefuse, kAllow };

// An output file. Until commit() its bytes live in a hidden temporary beside it, removed by the
// destructor and, on Linux file systems that can (O_TMPFILE is not used: rename must replace
// atomically), left to nobody: a temporary that a killed process left behind is removed by the next
// create() of the same output.
class AtomicFile {
 public:
  // Errors: kExists when `path` exists and `overwrite` is kRefuse; kIo; kNotFound when its folder
  // is missing.
  static Result<AtomicFile> create(const Path& path, Overwrite overwrite);
  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  int fd() const { return descriptor_.get(); }
  const Path& temporary() const { return temporary_; }
  // Appends. Errors: kIo, naming the final path; a full disk says how much room is missing.
  Status write(std::span<const std::byte> bytes);
  Status write(std::string_view text);
  // `size` bytes from `offset` of what was written so far. Errors: kIo, also beyond its end.
  Result<std::string> read_back(std::uint64_t offset, std::size_t size) const;
  // Flushes to disk and moves the temporary to its final name. With kRefuse, a file that appeared
  // meanwhile is not replaced (kExists). kIo when the temporary is gone, or another's.
  Status commit();

 private:
  AtomicFile() = default;
  // Whether the temporary's name still is that of our bytes: who removed it may have made another.
  bool owns_temporary() const;
  Path path_;
  Path temporary_;
  Overwrite overwrite_ = Overwrite::kRefuse;
  Descriptor descriptor_;
};

// A run lock says that a run works towards an output, before there is a byte of it: a second run is
// refused at once, not at its end. It is an empty hidden file beside the output, gone with its
// owner; what a killed run leaves is no hindrance.
class RunLock {
 public:
  // Errors: kExists while another process holds it, with that process's number; kIo; kNotFound when
  // the output's folder is missing.
  static Result<RunLock> take(const Path& output);

 private:
  explicit RunLock(AtomicFile file) : file_(std::move(file)) {}
  AtomicFile file_;  // never committed
};

// " (process 4711)" for who locked (flock) this open file, or nothing where the system does not
// say.
std::string lock_holder(int fd);

// write() + commit() in one call, for small files.
Status write_file(const Path& path, std::string_view text, Overwrite overwrite);
// The same, but a file that says just that already is left as it is.
Status keep_file(const Path& path, std::string_view text, Overwrite overwrite);

// kExists when `path` exists and may not be replaced, kInvalidArgument when it is a folder, "-" or
// an input (base/inputs.h): lets long work refuse before it starts.
Status check_output(const Path& path, Overwrite overwrite);

// Makes the folder and those above it, as far as they are missing. Errors: kIo.
Status make_folder(const Path& path);

// Returns the free bytes for an ordinary user in the file system that holds `path`'s folder.
// Errors: kIo.
Result<std::uint64_t> free_space(const Path& path);

// Refuses (kIo) an output of `needed` bytes that its file system has no room for.
Status check_space(const Path& output, std::uint64_t needed);

// Writes all of `bytes` to a descriptor of `path`. Errors: kIo.
Status write_all(int fd, std::span<const std::byte> bytes, const Path& path);

// Makes an Error of the current errno: "<path>: cannot <doing>: <reason>", with a remedy where
// there is one.
Error io_error(const Path& path, std::string_view doing);

}  // namespace coe
