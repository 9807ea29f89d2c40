// Programs that handle hostile input run in a box. It has no network, and of the host's files only
// the system's own and those that are named, all read-only. bubblewrap (bwrap) makes it.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace coe {

// Returns the command that runs `command` and its arguments in the box, in which `visible` files
// and folders lie where they do outside. When the box's starter ends, so does everything in it.
// Errors: kEngine where bwrap is not installed, or the system forbids it, which a trial finds out.
Result<std::vector<std::string>> sandboxed(const std::vector<std::string>& command,
                                           const std::vector<Path>& visible);

// What the system says of user namespaces, which every sandbox needs.
struct UserNamespaces {
  bool apparmor_restricts = false;  // kernel.apparmor_restrict_unprivileged_userns is 1
  bool allowed = true;              // kernel.unprivileged_userns_clone is not 0
  bool any = true;                  // user.max_user_namespaces is not 0
};
UserNamespaces user_namespaces();

// Returns what to do where bwrap ends with `errors`.
std::string sandbox_hint(const UserNamespaces& namespaces, std::string_view errors);

// Returns the program of this name in PATH. Errors: kEngine, saying what to install.
Result<Path> find_program(const std::string& name, const std::string& package);

}  // namespace coe
