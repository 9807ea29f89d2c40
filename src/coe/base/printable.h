// Strings from files are made fit for a one-line message here: they may be long, binary or hostile.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace coe {

inline constexpr std::size_t kPrintableBytes = 80;

// `text` as valid UTF-8 without control characters (others as \xNN), cut to about `max_bytes` of
// input, with "…" where it was cut. Control characters are those that a terminal acts upon, and
// those that turn the direction of writing.
std::string printable(std::string_view text, std::size_t max_bytes = kPrintableBytes);

// The same for a text of lines, such as a table: nothing is cut, newlines and tabs stay.
std::string printable_lines(std::string_view text);

}  // namespace coe
