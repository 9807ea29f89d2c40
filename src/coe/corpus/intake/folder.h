// The texts in a folder. Left out, and counted, is what people do not mean when they give one:
// hidden files, what .gitignore names, dependencies and what builds make, lock files, binaries,
// minified code, data for programs, copies of files before.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/intake/taken.h"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace coe {

struct FolderFile {
  std::string name;    // relative to the folder, with `/` between names
  std::string ending;  // see ending_of()
  bool is_json = false;
  std::string_view text;  // unpacked, UTF-8; valid during the call
};

struct FolderWalk {
  std::vector<std::string> files;    // relative to the folder; sorted by bytes
  std::vector<std::string> folders;  // that were left out
  std::vector<std::string> ignored;  // files and folders that .gitignore names
};

// Lists the files of a folder that may be text by their names. Symbolic links are not followed.
// Errors: kNotFound when it is no folder; kIo; kUnsupported for more than a million files;
// kCancelled.
Result<FolderWalk> walk_folder(const Path& folder, Taken& taken, Observer& observer);

// Reads these files one after the other, and hands those that are text to `take`. `seen` has the
// hashes of the texts before, by which copies are found. Memory: one file. Errors: those of `take`;
// kCancelled.
Status read_folder(const Path& folder, const FolderWalk& walk,
                   std::unordered_set<std::uint64_t>& seen, Taken& taken, Observer& observer,
                   const std::function<Status(const FolderFile&)>& take);

}  // namespace coe
