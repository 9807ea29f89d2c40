// A large file at a second place.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"

#include <string_view>

namespace coe {

enum class Placement {
  kHardLink,  // one file with two names
  kClone,     // the file system shares the bytes until one of the two is changed
  kCopy,
};
std::string_view placement_name(Placement placement);  // "hard link", "clone", "copy"

// Gives `source` the further name `target`, which must not exist; where that is not possible, makes
// a clone or a copy of it. Errors: kIo (space is checked before a copy); kCancelled.
Result<Placement> place_file(const Path& source, const Path& target, Observer& observer);

// The first of these alone. False where it is not possible.
bool link_file(const Path& source, const Path& target);

}  // namespace coe
