#include "faults/small_disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sched.h>
#include <stdexcept>
#include <sys/mount.h>
#include <unistd.h>

namespace coe::testing {
namespace {

std::string reason(const char* what) { return fmt::format("{}: {}", what, std::strerror(errno)); }

void write_line(const char* path, const std::string& line) { std::ofstream(path) << line; }

std::string enter_namespace() {
  const auto uid = ::getuid();
  const auto gid = ::getgid();
  const bool root = ::geteuid() == 0;
  if (::unshare(root ? CLONE_NEWNS : CLONE_NEWNS | CLONE_NEWUSER) != 0)
    return reason("no namespace of its own");
  if (!root) {
    write_line("/proc/self/setgroups", "deny");
    write_line("/proc/self/uid_map", fmt::format("0 {} 1", uid));
    write_line("/proc/self/gid_map", fmt::format("0 {} 1", gid));
  }
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
    return reason("no private mounts");
  return {};
}

std::string size_option(std::uint64_t n_bytes) {
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  return fmt::format("size={}", std::max(n_bytes / page, std::uint64_t{1}) * page);
}

}  // namespace

std::string why_no_small_disks() {
  static const std::string why = enter_namespace();
  return why;
}

SmallDisk::SmallDisk(const Path& folder, std::uint64_t n_bytes) : folder_(folder) {
  std::filesystem::create_directory(folder);
  if (::mount("tmpfs", folder.c_str(), "tmpfs", 0, size_option(n_bytes).c_str()) != 0)
    throw std::runtime_error(reason("cannot mount tmpfs"));
}

SmallDisk::~SmallDisk() { ::umount2(folder_.c_str(), MNT_DETACH); }

void SmallDisk::resize(std::uint64_t n_bytes) const {
  if (::mount("tmpfs", folder_.c_str(), "tmpfs", MS_REMOUNT, size_option(n_bytes).c_str()) != 0)
    throw std::runtime_error(reason("cannot resize tmpfs"));
}

void SmallDisk::fill(std::uint64_t n_bytes) const {
  const Path file = folder_ / "filler";
  const auto space = std::filesystem::space(folder_).available;
  if (space <= n_bytes) return;
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
  const int error = ::posix_fallocate(fd, 0, static_cast<off_t>(space - n_bytes));
  ::close(fd);
  if (error != 0) throw std::runtime_error(fmt::format("cannot fill: {}", std::strerror(error)));
}

}  // namespace coe::testing
