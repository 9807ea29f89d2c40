// An output that is a folder: complete, or not there at all.
#pragma once

#include "coe/base/descriptor.h"
#include "coe/base/file.h"
#include "coe/base/result.h"

#include <functional>

namespace coe {

// Until commit() its files live in a hidden folder beside it, which the destructor removes; what a
// killed process left there is removed by the next create() of the same output.
class NewFolder {
 public:
  // With kAllow a folder may stand in the way if it is empty or `may_replace` says so, for it will
  // be removed with all that is in it. Errors: kExists, also while another process writes it;
  // kInvalidArgument for what may not be replaced, and for the file system's root; kNotFound where
  // the folder around it is missing; kIo.
  static Result<NewFolder> create(const Path& path, Overwrite overwrite,
                                  const std::function<bool(const Path&)>& may_replace);
  NewFolder(NewFolder&& other) noexcept;
  NewFolder& operator=(NewFolder&&) = delete;
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  ~NewFolder();

  // Its files are written there.
  const Path& temporary() const { return temporary_; }
  // Gives it its name. Errors: kExists when something appeared under it meanwhile; kIo.
  Status commit();

 private:
  NewFolder() = default;
  Path path_;
  Path temporary_;
  bool replaces_ = false;
  Descriptor lock_;  // of the temporary
};

}  // namespace coe
