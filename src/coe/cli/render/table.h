// Tables of text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace coe::cli {

// Columns padded to their widest cell; the first left-aligned, the others right-aligned. Two blanks
// of indent. The first row is the head. Where the table is wider than `columns`, the words of its
// head stand one above the other; where that does not help, each row becomes a block of its own, a
// line for each cell with its head. nullopt: any width.
std::string format_table(const std::vector<std::vector<std::string>>& rows,
                         std::optional<std::size_t> columns);
// The same for the terminal that standard output is; elsewhere for any width.
std::string format_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace coe::cli
