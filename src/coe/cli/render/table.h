// Tables of text.
#pragma once

#include <string>
#include <vector>

namespace coe::cli {

// Columns padded to their widest cell; the first left-aligned, the others right-aligned. Two blanks
// of indent.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace coe::cli
