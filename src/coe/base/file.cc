#include "coe/base/file.h"

#include "coe/base/inputs.h"
#include "coe/base/mapping_guard.h"
#include "coe/base/text.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sstream>
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
      error.hint = path.native().find("://") == std::string::npos
                       ? "check the path"
                       : "coe reads files: download it first, and give the path of the file";
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

namespace {

// Masks, journals and specs are far smaller; a sparse file of any size would end in memory.
constexpr std::uint64_t kMostTextBytes = std::uint64_t{2} << 30;

struct RegularFile {
  Descriptor descriptor;
  std::size_t size = 0;
};

Result<RegularFile> open_regular(const Path& path) {
  // O_NONBLOCK: a named pipe would wait for a writer.
  RegularFile file{Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK))};
  if (file.descriptor.get() < 0) return tl::unexpected(io_error(path, "open"));
  struct stat info{};
  if (::fstat(file.descriptor.get(), &info) != 0) return tl::unexpected(io_error(path, "stat"));
  if (S_ISDIR(info.st_mode))
    return fail(Code::kUnsupported, fmt::format("{}: is a folder", path.string()),
                "give the path of a file in it");
  if (!S_ISREG(info.st_mode))
    return fail(Code::kUnsupported, fmt::format("{}: not a regular file", path.string()),
                "give the path of a file");
  file.size = static_cast<std::size_t>(info.st_size);
  return file;
}

}  // namespace

Result<std::size_t> read_at(int fd, std::uint64_t offset, std::span<std::byte> out,
                            const Path& path) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n =
        ::pread(fd, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return tl::unexpected(io_error(path, "read"));
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

Result<MappedFile> MappedFile::open(const Path& path) {
  MappedFile file;
  COE_TRY(auto regular, open_regular(path));
  file.descriptor_ = std::move(regular.descriptor);
  file.size_ = regular.size;
  if (file.size_ == 0) return file;
  void* address = ::mmap(nullptr, file.size_, PROT_READ, MAP_SHARED, file.fd(), 0);
  if (address == MAP_FAILED) return tl::unexpected(io_error(path, "map"));
  file.data_ = static_cast<const std::byte*>(address);
  name_mapping(address, file.size_, path.string());
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
  if (data_ != nullptr) {
    forget_mapping(data_);
    ::munmap(const_cast<std::byte*>(data_), size_);
  }
  data_ = nullptr;
  size_ = 0;
}

Result<std::string> read_text(const Path& path) {
  COE_TRY(const auto file, open_regular(path));
  if (file.size > kMostTextBytes)
    return fail(Code::kUnsupported,
                fmt::format("{}: has {}, more than is read at once ({})", path.string(),
                            human_bytes(file.size), human_bytes(kMostTextBytes)),
                "is it the right file?");
  std::string text(file.size, '\0');
  COE_TRY(const auto n,
          read_at(file.descriptor.get(), 0, std::as_writable_bytes(std::span(text)), path));
  text.resize(n);
  return text;
}

Status check_output(const Path& path, Overwrite overwrite) {
  if (path == "-")
    return fail(Code::kInvalidArgument, "-: an output has a name, and is not standard output",
                "give a file name; a file that is called so is ./-");
  std::error_code ec;
  const auto status = std::filesystem::symlink_status(path, ec);
  if (std::filesystem::is_directory(status))
    return fail(Code::kInvalidArgument, fmt::format("{}: is a folder", path.string()),
                "give a file name for the output");
  COE_TRY_STATUS(check_not_input(path));
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

namespace {

Path temporary_of(const Path& path) {
  return path.parent_path() / fmt::format(".{}.part", path.filename().string());
}

// Says whether `name` is that of the open file, and what that is.
bool is_named(int fd, const Path& name, struct stat& opened) {
  struct stat named{};
  return ::fstat(fd, &opened) == 0 && ::lstat(name.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

}  // namespace

// A line of /proc/locks: "1: FLOCK  ADVISORY  WRITE 4711 08:01:131213 0 EOF".
std::string lock_holder(int fd) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return {};
  const auto inode = fmt::format(":{} ", static_cast<std::uint64_t>(info.st_ino));
  std::ifstream locks("/proc/locks");
  for (std::string line; std::getline(locks, line);) {
    if (line.find(inode) == std::string::npos) continue;
    std::istringstream words(line);
    std::string number;
    std::string kind;
    std::string advice;
    std::string mode;
    long process = 0;
    if (words >> number >> kind >> advice >> mode >> process && kind == "FLOCK")
      return fmt::format(" (process {})", process);
  }
  return {};
}

Result<AtomicFile> AtomicFile::create(const Path& path, Overwrite overwrite) {
  COE_TRY_STATUS(check_output(path, overwrite));
  AtomicFile file;
  file.path_ = path;
  file.overwrite_ = overwrite;
  Path temporary = temporary_of(path);
  COE_TRY_STATUS(check_not_input(temporary));
  struct stat opened{};
  while (true) {
    // Not O_TRUNC: the bytes may belong to a run that is still writing; the lock tells.
    file.descriptor_ =
        Descriptor(::open(temporary.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
    if (file.fd() < 0) return tl::unexpected(io_error(path, "create"));
    // Between our open and our lock the other run may have finished and given the file its final
    // name: then it is no longer the temporary, and not ours to touch.
    if (::flock(file.fd(), LOCK_EX | LOCK_NB) != 0 || !is_named(file.fd(), temporary, opened))
      return fail(
          Code::kExists,
          fmt::format("{}: another process is writing it{}", path.string(), lock_holder(file.fd())),
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
  if (!temporary_.empty() && owns_temporary()) ::unlink(temporary_.c_str());
}

bool AtomicFile::owns_temporary() const {
  struct stat opened{};
  return is_named(fd(), temporary_, opened);
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
  COE_TRY(const auto n, read_at(fd(), offset, std::as_writable_bytes(std::span(out)), path_));
  if (n < size)
    return fail(Code::kIo, fmt::format("{}: cannot read back: too short", path_.string()));
  return out;
}

Status AtomicFile::commit() {
  if (::fsync(fd()) != 0) return tl::unexpected(io_error(path_, "flush"));
  if (!owns_temporary())
    return fail(Code::kIo,
                fmt::format("{}: its temporary `{}` was removed or replaced while it was written",
                            path_.string(), temporary_.filename().string()),
                "leave hidden .part files alone, and run the same command again");
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

Result<RunLock> RunLock::take(const Path& output) {
  const Path name = output.string() + ".run";
  auto file = AtomicFile::create(name, Overwrite::kAllow);
  if (file) return RunLock(*std::move(file));
  auto error = std::move(file).error();
  // The words are the same, but of the output.
  if (error.message.starts_with(name.native()))
    error.message.replace(0, name.native().size(), output.native());
  return tl::unexpected(std::move(error));
}

Status write_file(const Path& path, std::string_view text, Overwrite overwrite) {
  COE_TRY(auto file, AtomicFile::create(path, overwrite));
  COE_TRY_STATUS(file.write(text));
  return file.commit();
}

Status keep_file(const Path& path, std::string_view text, Overwrite overwrite) {
  if (const auto found = read_text(path); found && *found == text) return {};
  return write_file(path, text, overwrite);
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
