// Tells that a text has begun to go round in circles, while it is written. Source: docs/method.md,
// section 7: once the text is at least 1,400 characters long, its last 100 occur again in the 400
// before them. Code and tables do that honestly, a fifth of all files of that length, but do not go
// on so; hence hold_chars, which leaves one in a thousand (bench/loop_guard_bench).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace coe {

struct LoopOptions {
  std::size_t min_chars = 1400;    // a shorter text is no loop
  std::size_t tail_chars = 100;    // at least 1: these occur again…
  std::size_t window_chars = 400;  // …in so many before them; fewer than tail_chars: never
  // And it stays so: characters after which they do, less half of those after which they do not,
  // are more than this. 0 is the method's rule to the letter.
  std::size_t hold_chars = 400;
};

// Characters are Unicode code points; a byte that is no part of one counts as a character. Asked
// after every character, so that pieces may be cut anywhere, also within one: the answer depends on
// the text alone. It costs window_chars - tail_chars + 1 comparisons a character (0.3 µs) and
// memory for a few thousand characters. One thread uses it at a time.
class LoopGuard {
 public:
  explicit LoopGuard(const LoopOptions& options = {});
  // Adds a piece of the text. Returns true from the first loop on.
  bool feed(std::string_view piece);
  bool looped() const { return loop_end_.has_value(); }
  // Returns the bytes of the text up to and including the character that closed the first loop.
  std::optional<std::size_t> loop_end() const { return loop_end_; }

 private:
  void add_byte(unsigned char byte);
  void add_char(char32_t value);

  LoopOptions options_;
  std::size_t n_byte_ = 0;
  std::size_t n_char_ = 0;
  char32_t begun_ = 0;          // bytes of a code point that is not complete
  unsigned n_byte_due_ = 0;     // that it lacks
  std::vector<char32_t> past_;  // the last characters, window_chars of them at least
  // These say, by window_chars - lag, how many characters in a row equal those so far before them.
  std::vector<std::uint32_t> n_equal_;
  std::size_t balance_ = 0;  // doubled
  std::optional<std::size_t> loop_end_;
};

// Returns where a guard that reads the text stops it: the bytes up to the end of the first loop.
std::optional<std::size_t> find_loop(std::string_view text, const LoopOptions& options = {});

}  // namespace coe
