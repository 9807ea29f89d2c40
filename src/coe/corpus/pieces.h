// These functions cut documents into records of bounded length.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// Returns consecutive pieces of at most `max_chars` characters (> 0), as views into `text`.
// Together they cover it, which must be valid UTF-8, but for blank lines between them. A piece
// ends, in this order of preference, after a blank line, a line, a sentence or a word, each as late
// as the second half of the piece has one, else anywhere between two characters.
std::vector<std::string_view> split_text(std::string_view text, std::uint64_t max_chars);

struct Piece {
  std::string text;
  std::string name;
};

// A text of at most `max_chars` characters is one piece with the text's own name; of a longer one
// they are those of split_text(), tidied, named "name#1", "name#2", …, but for blank ones.
std::vector<Piece> cut_text(std::string text, const std::string& name, std::uint64_t max_chars);

// "\r\n" becomes "\n". A byte order mark is dropped, and so are blank lines at the start and white
// space at the end, but for one newline where there was one.
std::string tidy_text(std::string_view text);

// Breaks lines of more than `width` characters (> 0) at blanks, which the line breaks replace. A
// word that is longer than that stays whole. Other lines are left as they are.
std::string wrap_text(std::string_view text, std::uint64_t width);

// Says whether the text looks like code made by a machine: a line has more than 1,000 characters,
// or lines have more than 120 on average.
bool is_minified(std::string_view text);

}  // namespace coe
