// Tables of text.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace coe::cli {

// Columns of words, beside the first.
struct WordColumns {
  std::vector<std::size_t> at;
};

// Columns padded to their widest cell; those of words left-aligned, the others right-aligned. Two
// blanks of indent. The first row is the head. Where the last column has words that do not fit,
// they go on below each other. Where the table is wider than `columns`, the words of its head stand
// one above the other; then first cells that are too wide have a line of their own; where that does
// not help, each row becomes a block of its own, a line for each cell with its head. nullopt: any
// width.
std::string format_table(const std::vector<std::vector<std::string>>& rows,
                         std::optional<std::size_t> columns, const WordColumns& words = {});
// The same for the terminal that standard output is; elsewhere for any width.
std::string format_table(const std::vector<std::vector<std::string>>& rows,
                         const WordColumns& words = {});

}  // namespace coe::cli
