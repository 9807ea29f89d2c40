#include "coe/base/file.h"

#include "coe/base/text.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace coe {

Error io_error(const Path& path, std::string_view doing) {
  const int number = errno;
  Error error{
      Code::kIo, fmt::format("{}: cannot {}: {}", path.string(), doing, std::strerror(number)), {}};
  switch (number) {
    case ENOENT:
      error.code = Code::kNotFound;
      error.hint = "check the path";
      break;
    case ENOSPC:
    case EDQUOT:
      error.hint = "free some space or write to another disk, then run the same command again";
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      error.hint = "check the permissions of the file and its folder";
      break;
    default:
      break;
  }
  return error;
}

Result<MappedFile> MappedFile::open(const Path& path) {
  MappedFile file;
  file.descriptor_ = Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.fd() < 0) return tl::unexpected(io_error(path, "open"));
  struct stat info{};
  if (::fstat(file.fd(), &info) != 0) return tl::unexpected(io_error(path, "stat"));
  if (!S_ISREG(info.st_mode))
    return fail(Code::kUnsupported, fmt::format("{}: not a regular file", path.string()),
                "give the path of a file");
  file.size_ = static_cast<std::size_t>(info.st_size);
  if (file.size_ == 0) return file;
  void* address = ::mmap(nullptr, file.size_, PROT_READ, MAP_SHARED, file.fd(), 0);
  if (address == MAP_FAILED) return tl::unexpected(io_error(path, "map"));
  file.data_ = static_cast<const std::byte*>(address);
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : descriptor_(std::move(other.descriptor_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() { release(); }

void MappedFile::release() {
  // munmap takes a non-const address; the mapping itself is read-only.
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
  data_ = nullptr;
  size_ = 0;
}

Result<std::string> read_text(const Path& path) {
  COE_TRY(const auto file, MappedFile::open(path));
  const auto bytes = file.bytes();
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Status check_output(const Path& path, Overwrite overwrite) {
  std::error_code ec;
  const auto status = std::filesystem::symlink_status(path, ec);
  if (std::filesystem::is_directory(status))
    return fail(Code::kInvalidArgument, fmt::format("{}: is a folder", path.string()),
                "give a file name for the output");
  if (std::filesystem::exists(status) && overwrite == Overwrite::kRefuse)
    return fail(Code::kExists, fmt::format("{}: output exists already", path.string()),
                "add --force to overwrite it, or choose another name");
  const Path folder = path.has_parent_path() ? path.parent_path() : Path(".");
  if (!std::filesystem::is_directory(folder, ec))
    return fail(Code::kNotFound,
                fmt::format("{}: the output's folder does not exist", folder.string()),
                fmt::format("make it first: mkdir -p {}", folder.string()));
  return {};
}

Result<AtomicFile> AtomicFile::create(const Path& path, Overwrite overwrite) {
  COE_TRY_STATUS(check_output(path, overwrite));
  AtomicFile file;
  file.path_ = path;
  file.overwrite_ = overwrite;
  Path temporary = path.parent_path() / fmt::format(".{}.part", path.filename().string());
  struct stat opened{};
  while (true) {
    // Not O_TRUNC: the bytes may belong to a run that is still writing; the lock tells.
    file.descriptor_ =
        Descriptor(::open(temporary.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
    if (file.fd() < 0) return tl::unexpected(io_error(path, "create"));
    struct stat named{};
    // Between our open and our lock the other run may have finished and given the file its final
    // name: then it is no longer the temporary, and not ours to touch.
    if (::flock(file.fd(), LOCK_EX | LOCK_NB) != 0 || ::fstat(file.fd(), &opened) != 0 ||
        ::lstat(temporary.c_str(), &named) != 0 || opened.st_ino != named.st_ino)
      return fail(Code::kExists, fmt::format("{}: another process is writing it", path.string()),
                  "wait for it to end, or choose another name");
    if (opened.st_nlink == 1) break;
    // A run was killed when its output already had both names. The bytes are the finished file's:
    // drop the second name and begin with a file of our own.
    if (::unlink(temporary.c_str()) != 0) return tl::unexpected(io_error(path, "replace"));
    file.descriptor_.close();
  }
  file.temporary_ = std::move(temporary);  // from here on ours to remove
  if (::ftruncate(file.fd(), 0) != 0) return tl::unexpected(io_error(path, "truncate"));
  return file;
}

AtomicFile::AtomicFile(AtomicFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      overwrite_(other.overwrite_),
      descriptor_(std::move(other.descriptor_)) {}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Status write_all(int fd, std::span<const std::byte> bytes, const Path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      return tl::unexpected(io_error(path, "write"));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
  return {};
}

Status AtomicFile::write(std::span<const std::byte> bytes) { return write_all(fd(), bytes, path_); }

Status AtomicFile::write(std::string_view text) { return write(std::as_bytes(std::span(text))); }

Result<std::string> AtomicFile::read_back(std::uint64_t offset, std::size_t size) const {
  std::string out(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n =
        ::pread(fd(), out.data() + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return tl::unexpected(io_error(path_, "read back"));
    if (n == 0)
      return fail(Code::kIo, fmt::format("{}: cannot read back: too short", path_.string()));
    done += static_cast<std::size_t>(n);
  }
  return out;
}

Status AtomicFile::commit() {
  if (::fsync(fd()) != 0) return tl::unexpected(io_error(path_, "flush"));
  // link() fails where rename() would silently replace; then the file has two names for a moment. A
  // file system without hard links falls back on rename(): there the check at the start has to do.
  const bool linked =
      overwrite_ == Overwrite::kRefuse && ::link(temporary_.c_str(), path_.c_str()) == 0;
  if (!linked) {
    if (overwrite_ == Overwrite::kRefuse && errno == EEXIST)
      return fail(Code::kExists,
                  fmt::format("{}: appeared while it was being written", path_.string()),
                  "add --force to overwrite it, or choose another name");
    if (::rename(temporary_.c_str(), path_.c_str()) != 0)
      return tl::unexpected(io_error(path_, "rename to"));
  } else {
    ::unlink(temporary_.c_str());  // at once: create() has to deal with what a kill leaves here
  }
  temporary_.clear();
  const Path folder = path_.has_parent_path() ? path_.parent_path() : Path(".");
  const Descriptor dir(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (dir.get() >= 0) ::fsync(dir.get());  // best effort: the name itself survives a power cut
  return {};
}

Status write_file(const Path& path, std::string_view text, Overwrite overwrite) {
  COE_TRY(auto file, AtomicFile::create(path, overwrite));
  COE_TRY_STATUS(file.write(text));
  return file.commit();
}

Status make_folder(const Path& path) {
  std::error_code ec;
  std::filesystem::create_directories(path, ec);
  if (!ec && std::filesystem::is_directory(path, ec)) return {};
  return fail(Code::kIo,
              fmt::format("{}: cannot make this folder: {}", path.string(),
                          ec ? ec.message() : "something else is there"),
              "choose another folder");
}

Result<std::uint64_t> free_space(const Path& path) {
  const Path folder = path.has_parent_path() ? path.parent_path() : Path(".");
  struct statvfs info{};
  if (::statvfs(folder.c_str(), &info) != 0)
    return tl::unexpected(io_error(folder, "ask free space of"));
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

Status check_space(const Path& output, std::uint64_t needed) {
  COE_TRY(const auto available, free_space(output));
  if (available >= needed) return {};
  return fail(Code::kIo,
              fmt::format("{}: not enough space on the disk ({} free vs {} needed)",
                          output.string(), human_bytes(available), human_bytes(needed)),
              "free some space or write to another disk");
}

}  // namespace coe
