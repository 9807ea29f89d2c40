#include "coe/college/package/place.h"

#include "coe/base/descriptor.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <linux/fs.h>
#include <span>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace coe {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

Status copy_bytes(const Descriptor& from, const Descriptor& to, std::uint64_t total,
                  const Path& source, const Path& target, Observer& observer) {
  std::vector<std::byte> piece(kPieceBytes);
  for (std::uint64_t done = 0;;) {
    observer.progress("copy", done, total, "bytes");
    if (observer.cancelled())
      return fail(Code::kCancelled, fmt::format("{}: stopped", target.string()));
    COE_TRY(const auto n, read_at(from.get(), done, piece, source));
    COE_TRY_STATUS(write_all(to.get(), std::span(piece).first(n), target));
    done += n;
    if (n == piece.size()) continue;
    if (done != total)
      return fail(Code::kIo,
                  fmt::format("{}: changed while it was copied ({} vs {} bytes)", source.string(),
                              done, total),
                  "run the same command again");
    return {};
  }
}

}  // namespace

std::string_view placement_name(Placement placement) {
  switch (placement) {
    case Placement::kHardLink:
      return "hard link";
    case Placement::kClone:
      return "clone";
    case Placement::kCopy:
      break;
  }
  return "copy";
}

bool link_file(const Path& source, const Path& target) {
  // A symbolic link stands for the file that it leads to.
  return ::linkat(AT_FDCWD, source.c_str(), AT_FDCWD, target.c_str(), AT_SYMLINK_FOLLOW) == 0;
}

Result<Placement> place_file(const Path& source, const Path& target, Observer& observer) {
  if (link_file(source, target)) return Placement::kHardLink;
  const Descriptor from(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
  if (from.get() < 0) return tl::unexpected(io_error(source, "open"));
  struct stat info{};
  if (::fstat(from.get(), &info) != 0) return tl::unexpected(io_error(source, "stat"));
  const Descriptor to(
      ::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (to.get() < 0) return tl::unexpected(io_error(target, "create"));
  if (::ioctl(to.get(), FICLONE, from.get()) == 0) return Placement::kClone;
  const auto total = static_cast<std::uint64_t>(info.st_size);
  COE_TRY_STATUS(check_space(target, total));
  COE_TRY_STATUS(copy_bytes(from, to, total, source, target, observer));
  if (::fsync(to.get()) != 0) return tl::unexpected(io_error(target, "flush"));
  return Placement::kCopy;
}

}  // namespace coe
