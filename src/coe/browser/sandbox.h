// Programs that handle hostile input run in a box: no network, and of the host's files only the
// system's own and what is named, all read-only. bubblewrap (bwrap) makes it.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"

#include <string>
#include <vector>

namespace coe {

// `command` and its arguments, to be run in the box, in which `visible` files and folders lie where
// they do outside. When the box's starter ends, so does everything in it.
// Errors: kEngine where bwrap is not installed, or the system forbids it (found out by a trial).
Result<std::vector<std::string>> sandboxed(const std::vector<std::string>& command,
                                           const std::vector<Path>& visible);

// The program of this name in PATH. Errors: kEngine, saying what to install.
Result<Path> find_program(const std::string& name, const std::string& package);

}  // namespace coe
