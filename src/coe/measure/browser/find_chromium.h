// Chromium as systems have it: in packages, below /opt, or as a snap, which no sandbox can start.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"

#include <string>
#include <vector>

namespace coe {

// Returns the program itself, behind all links: `wanted`, or when that is empty the first in PATH
// that is no snap. Errors: kEngine, saying what is there instead and what to install.
Result<Path> find_chromium(const Path& wanted);

// Returns the folders that the program must see, of those that the sandbox does not show anyway.
std::vector<Path> folders_of(const Path& program);

}  // namespace coe
