#include "coe/college/serve/socket_folder.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace coe {

namespace {

constexpr std::string_view kFolderStart = "coe-serve-";
constexpr std::string_view kFolderLock = "lock";

// Removes what processes that were killed have left.
void remove_orphans(const Path& where) {
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(where, ec)) {
    if (!entry.path().filename().string().starts_with(kFolderStart)) continue;
    struct stat status{};
    if (::lstat(entry.path().c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
        status.st_uid != ::geteuid())
      continue;
    const Descriptor lock(
        ::open((entry.path() / kFolderLock).c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    if (lock.get() >= 0 && ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0)
      std::filesystem::remove_all(entry.path(), ec);
  }
}

}  // namespace

Result<SocketFolder> make_socket_folder() {
  std::error_code error;
  const auto where = std::filesystem::temp_directory_path(error);
  if (!error) remove_orphans(where);
  // Another process may take a folder for an orphan before it is locked; then a new one is made.
  constexpr int kMostTries = 10;
  for (int i = 1;; ++i) {
    // Short, for a socket's path has at most 107 bytes.
    auto name = (where / fmt::format("{}XXXXXX", kFolderStart)).string();
    if (error || ::mkdtemp(name.data()) == nullptr)
      return tl::unexpected(io_error(name, "make a folder for sockets"));
    const Path path = name;
    Descriptor lock(::open((path / kFolderLock).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    struct stat status{};
    if (lock.get() >= 0 && ::flock(lock.get(), LOCK_EX | LOCK_NB) == 0 &&
        ::stat((path / kFolderLock).c_str(), &status) == 0)
      return SocketFolder{path, std::move(lock)};
    if (i == kMostTries) return tl::unexpected(io_error(path / kFolderLock, "lock"));
  }
}

}  // namespace coe
