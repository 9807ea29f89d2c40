// The records of a file as they are published: JSON Lines, one JSON array, or a single object over
// several lines. Records are objects, or lists of messages.
#pragma once

#include "coe/base/lines.h"
#include "coe/base/result.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace coe {

class RecordReader {
 public:
  // A file whose first character is `[` is an array, any other JSON Lines. So is one with a list on
  // its first line and more lists behind, and an object that ends where the file does, but not on
  // its first line, is the only record.
  explicit RecordReader(std::string_view bytes);

  // The text of the next record and the line that it begins at. What is between the brackets of an
  // array's element is not checked here. Errors: kCorrupt for an array that is broken between its
  // elements; line() is where.
  Result<std::optional<Line>> next();
  std::uint64_t line() const { return line_; }

 private:
  Result<std::optional<Line>> next_in_array();
  std::optional<Line> next_single();
  void skip_blanks();

  LineReader lines_;
  bool is_array_ = false;
  bool is_single_ = false;
  std::string_view rest_;  // of an array or a single object
  std::uint64_t line_ = 1;
  std::uint64_t n_read_ = 0;
  bool ended_ = false;
};

}  // namespace coe
