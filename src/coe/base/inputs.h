// The files that this process reads, so that no output takes the place of one, whatever name it is
// given: another path, a hard link, a symbolic link.
#pragma once

#include "coe/base/result.h"

#include <filesystem>
#include <string>

namespace coe {

// Remembers a file by device and inode. `role` is for the message: "--model". What is no regular
// file is passed over. For any thread.
void protect_input(const std::filesystem::path& file, const std::string& role);

// kInvalidArgument when `output` is, or leads to, a file that is protected.
Status check_not_input(const std::filesystem::path& output);

}  // namespace coe
