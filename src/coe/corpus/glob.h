// Path patterns of corpus specs, and the files that they find.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace coe {

// A pattern of whole '/'-separated paths. `*` stands for any characters within one name, `?` for
// one character, `**` (a whole name) for any number of folders, none too; all else for itself.
// Complexity of matching: linear in the path.
class Glob {
 public:
  // A pattern that glob_problem() has nothing against.
  explicit Glob(std::string_view pattern);
  bool matches(std::string_view path) const;

 private:
  std::shared_ptr<const re2::RE2> regex_;
};

// "" when `pattern` can be used, else what is wrong with it ("`**` must stand alone …").
std::string glob_problem(std::string_view pattern);

// Regular files under `root` whose path relative to it matches one of `include` and none of
// `exclude`: those relative paths, '/'-separated and sorted by bytes. Symbolic links are not
// followed. Errors: kNotFound when `root` is no folder; kIo.
Result<std::vector<std::string>> list_files(const Path& root, std::span<const std::string> include,
                                            std::span<const std::string> exclude);

// Files that `pattern` (relative to `root`, or absolute) names: one file when it has no wildcard,
// else all matches, sorted. Each as the pattern begins: relative stays relative. Errors: kNotFound
// when there is none; kIo.
Result<std::vector<std::string>> expand_glob(const Path& root, const std::string& pattern);

}  // namespace coe
