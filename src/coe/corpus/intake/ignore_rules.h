// What a .gitignore leaves out, as far as its patterns are names, `*`, `?`, `**`, `/` and `!`.
#pragma once

#include "coe/corpus/glob.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

class IgnoreRules {
 public:
  // The text of a .gitignore. Patterns that the globs of coe cannot be are passed over; brackets
  // stand for themselves.
  explicit IgnoreRules(std::string_view text);

  // Says whether a path is left out; nothing where no pattern speaks of it. `path` is relative to
  // the folder of the file, with `/` between names.
  std::optional<bool> leaves_out(std::string_view path, bool is_folder) const;

 private:
  struct Rule {
    Glob glob;
    bool leaves_out = true;
    bool folders_only = false;
    bool whole_path = false;  // matched against the path, else against the last name
  };
  std::vector<Rule> rules_;
};

}  // namespace coe
