// Breaks text between words, for a terminal that would break it within them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace coe::cli {

// Lines of at most `width` characters; a word that is longer has a line of its own.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

// Each line of `text` that is longer than `columns` goes on below its last column: what follows two
// blanks or more, where that leaves kLeastRoom characters, else below its first word. Commands stay
// as they are, so that they can be copied: what follows "next: ", and lines below a comment ("# …")
// up to an empty one.
std::string fit_lines(std::string_view text, std::size_t columns);
inline constexpr std::size_t kLeastRoom = 20;

}  // namespace coe::cli
