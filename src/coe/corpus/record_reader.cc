#include "coe/corpus/record_reader.h"

#include "coe/base/lines.h"
#include "coe/base/result.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace coe {
namespace {

constexpr std::string_view kWhiteSpace = " \t\r\n";

// Length of the object or list that `text` begins with, up to what closes it; npos when nothing
// does.
std::size_t value_length(std::string_view text) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth == 0) {
      return i + 1;
    }
  }
  return std::string_view::npos;
}

// Says whether a list ends on the line that it begins on, and another begins on the next.
bool are_lists_on_lines(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  if (value_length(line) == std::string_view::npos) return false;
  text.remove_prefix(line.size());
  const std::size_t next = text.find_first_not_of(kWhiteSpace);
  return next != std::string_view::npos && text[next] == '[';
}

// Says whether the text is one object that does not end on its first line.
bool is_object_on_lines(std::string_view text) {
  if (!text.starts_with('{')) return false;
  if (value_length(text.substr(0, text.find('\n'))) != std::string_view::npos) return false;
  const std::size_t length = value_length(text);
  return length != std::string_view::npos &&
         text.find_first_not_of(kWhiteSpace, length) == std::string_view::npos;
}

tl::unexpected<Error> broken(std::string_view what) {
  return fail(Code::kCorrupt, std::string(what),
              "the file must be JSON Lines or one JSON array of objects");
}

std::uint64_t count_newlines(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

RecordReader::RecordReader(std::string_view bytes) : lines_(bytes) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  rest_ = bytes;
  if (rest_.starts_with(kByteOrderMark)) rest_.remove_prefix(kByteOrderMark.size());
  skip_blanks();
  is_array_ = rest_.starts_with('[') && !are_lists_on_lines(rest_);
  if (is_array_) rest_.remove_prefix(1);
  is_single_ = is_object_on_lines(rest_);
}

void RecordReader::skip_blanks() {
  const std::size_t n = std::min(rest_.find_first_not_of(kWhiteSpace), rest_.size());
  line_ += count_newlines(rest_.substr(0, n));
  rest_.remove_prefix(n);
}

Result<std::optional<Line>> RecordReader::next() {
  if (is_array_) return next_in_array();
  if (is_single_) return next_single();
  while (const auto line = lines_.next()) {
    if (!line->blank()) return line;
  }
  return std::optional<Line>();
}

std::optional<Line> RecordReader::next_single() {
  if (std::exchange(ended_, true)) return std::nullopt;
  return Line{rest_.substr(0, rest_.find_last_not_of(kWhiteSpace) + 1), line_};
}

Result<std::optional<Line>> RecordReader::next_in_array() {
  if (ended_) return std::optional<Line>();
  skip_blanks();
  if (rest_.starts_with(']')) {
    rest_.remove_prefix(1);
    skip_blanks();
    if (!rest_.empty()) return broken("there is text after the array");
    ended_ = true;
    return std::optional<Line>();
  }
  if (n_read_ > 0) {
    if (!rest_.starts_with(',')) return broken("the array lacks `,` or `]`");
    rest_.remove_prefix(1);
    skip_blanks();
  }
  if (!rest_.starts_with('{') && !rest_.starts_with('['))
    return broken("an element of the array is no object");
  const std::size_t length = value_length(rest_);
  if (length == std::string_view::npos) return broken("what begins here never ends");
  const Line out{rest_.substr(0, length), line_};
  line_ += count_newlines(out.text);
  rest_.remove_prefix(length);
  ++n_read_;
  return std::optional(out);
}

}  // namespace coe
