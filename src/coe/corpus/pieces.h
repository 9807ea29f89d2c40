// Cutting documents into records of bounded length.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// Consecutive pieces of at most `max_chars` characters (> 0) that together cover valid UTF-8 `text`
// but for blank lines between them. A piece ends, in this order of preference, after a blank line,
// a line, a sentence, a word, each as late as the second half of the piece has one, else anywhere
// between two characters. Views into `text`.
std::vector<std::string_view> split_text(std::string_view text, std::uint64_t max_chars);

// "\r\n" becomes "\n", a byte order mark goes, and so do blank lines at the start and white space
// at the end, but for one newline where there was one.
std::string tidy_text(std::string_view text);

// Breaks lines of more than `width` characters (> 0) at blanks, which the line breaks replace. A
// word that is longer than that stays whole. Other lines are left as they are.
std::string wrap_text(std::string_view text, std::uint64_t width);

// Looks like machine-made code: a line of more than 1,000 characters, or more than 120 a line on
// average.
bool is_minified(std::string_view text);

}  // namespace coe
