// What was taken of the text that people gave, and what was left out and why.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

// Pieces of text files have at most so many characters, some 500 tokens.
inline constexpr std::uint64_t kPieceChars = 2000;

struct LeftOut {
  std::string what;  // "binary", "minified"
  std::uint64_t n = 0;
  std::string example;  // the first file or folder, or the first place and its fault
  bool tell = false;    // taken_text() says the example, too
};

struct Taken {
  std::string label;                                           // "text", "held-out text"
  std::vector<std::string> given;                              // as the user named them
  std::uint64_t n_file = 0;                                    // of text
  std::vector<std::pair<std::string, std::uint64_t>> endings;  // of those; the most frequent first
  std::uint64_t n_piece = 0;                                   // that they were cut into
  std::uint64_t n_record = 0;                                  // of JSON, that hold their text
  std::uint64_t n_chat = 0;
  std::vector<LeftOut> left_out;  // in the order in which they were met

  void leave_out(std::string_view what, std::string_view example, std::uint64_t n = 1);
  void leave_out_and_tell(std::string_view what, std::string_view example, std::uint64_t n = 1);
  void count_ending(std::string_view ending);
  void sort_endings();
};

// "1,930".
std::string grouped(std::uint64_t number);

// "412 files (.md .py .js), 38 chats; left out: 9 binary, 3 minified; 1,930 pieces of at most 2,000
// characters".
std::string taken_text(const Taken& taken);

}  // namespace coe
