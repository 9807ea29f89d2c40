#include "coe/college/package/new_folder.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <string>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace coe {
namespace {

// "DIR/" is "DIR".
Path without_slash(const Path& path) { return path.has_filename() ? path : path.parent_path(); }

Path folder_of(const Path& path) { return path.has_parent_path() ? path.parent_path() : "."; }

Status may_stand_in_the_way(const Path& path, Overwrite overwrite,
                            const std::function<bool(const Path&)>& may_replace) {
  std::error_code ec;
  if (overwrite == Overwrite::kRefuse)
    return fail(Code::kExists, fmt::format("{}: output exists already", path.string()),
                "add --force to replace it, or choose another name");
  const auto status = std::filesystem::symlink_status(path, ec);
  if (!std::filesystem::is_directory(status))
    return fail(Code::kInvalidArgument, fmt::format("{}: is no folder", path.string()),
                "choose another name for the output");
  if (std::filesystem::is_empty(path, ec) || may_replace(path)) return {};
  return fail(Code::kInvalidArgument,
              fmt::format("{}: is a folder with other things in it, which --force does not remove",
                          path.string()),
              "choose another name for the output");
}

// Says whether `name` is that of the open folder.
bool is_named(int fd, const Path& name) {
  struct stat opened{};
  struct stat named{};
  return ::fstat(fd, &opened) == 0 && ::lstat(name.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

}  // namespace

Result<NewFolder> NewFolder::create(const Path& given, Overwrite overwrite,
                                    const std::function<bool(const Path&)>& may_replace) {
  NewFolder folder;
  folder.path_ = without_slash(given);
  const Path& path = folder.path_;
  std::error_code ec;
  const auto name = path.filename();
  if (name.empty() || name == "." || name == "..")
    return fail(Code::kInvalidArgument,
                fmt::format("{}: is no name for a new folder", given.string()),
                "give a name such as my-specialist");
  if (!std::filesystem::is_directory(folder_of(path), ec))
    return fail(Code::kNotFound,
                fmt::format("{}: the output's folder does not exist", folder_of(path).string()),
                fmt::format("make it first: mkdir -p {}", folder_of(path).string()));
  if (std::filesystem::exists(std::filesystem::symlink_status(path, ec))) {
    COE_TRY_STATUS(may_stand_in_the_way(path, overwrite, may_replace));
    folder.replaces_ = true;
  }
  Path temporary = path.parent_path() / fmt::format(".{}.part", name.string());
  if (::mkdir(temporary.c_str(), 0777) != 0 && errno != EEXIST)
    return tl::unexpected(io_error(path, "make"));
  folder.lock_ =
      Descriptor(::open(temporary.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (folder.lock_.get() < 0) return tl::unexpected(io_error(temporary, "open"));
  if (::flock(folder.lock_.get(), LOCK_EX | LOCK_NB) != 0 ||
      !is_named(folder.lock_.get(), temporary))
    return fail(Code::kExists,
                fmt::format("{}: another process is writing it{}", path.string(),
                            lock_holder(folder.lock_.get())),
                "wait for it to end, or choose another name");
  folder.temporary_ = std::move(temporary);  // from here on ours to remove
  // A killed run may have left something.
  for (const auto& entry : std::filesystem::directory_iterator(folder.temporary_, ec)) {
    std::filesystem::remove_all(entry.path(), ec);
    if (ec) break;
  }
  if (ec)
    return fail(
        Code::kIo,
        fmt::format("{}: cannot empty this folder: {}", folder.temporary_.string(), ec.message()),
        "remove it");
  return folder;
}

NewFolder::NewFolder(NewFolder&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      replaces_(other.replaces_),
      lock_(std::move(other.lock_)) {}

NewFolder::~NewFolder() {
  std::error_code ec;  // nobody is left to be told
  if (!temporary_.empty() && is_named(lock_.get(), temporary_))
    std::filesystem::remove_all(temporary_, ec);
}

Status NewFolder::commit() {
  ::fsync(lock_.get());  // best effort, as below: its files are flushed already
  if (!replaces_) {
    if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) != 0) {
      if (errno == EEXIST)
        return fail(Code::kExists,
                    fmt::format("{}: appeared while it was being written", path_.string()),
                    "add --force to replace it, or choose another name");
      // A file system without this flag: a folder that is not empty is not replaced either.
      if (errno != EINVAL || ::rename(temporary_.c_str(), path_.c_str()) != 0)
        return tl::unexpected(io_error(path_, "rename to"));
    }
    temporary_.clear();
  } else if (::renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_EXCHANGE) ==
             0) {
    // The old one has the temporary's name now.
    std::error_code ec;
    std::filesystem::remove_all(temporary_, ec);
    temporary_.clear();
  } else {
    std::error_code ec;
    std::filesystem::remove_all(path_, ec);
    if (ec || ::rename(temporary_.c_str(), path_.c_str()) != 0)
      return tl::unexpected(io_error(path_, "replace"));
    temporary_.clear();
  }
  const Descriptor around(::open(folder_of(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (around.get() >= 0) ::fsync(around.get());  // the name itself survives a power cut
  return {};
}

}  // namespace coe
