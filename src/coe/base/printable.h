// Strings from files are made fit for a one-line message here: they may be long, binary or hostile.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace coe {

inline constexpr std::size_t kPrintableBytes = 80;

// `text` as valid UTF-8 without control characters (others as \xNN), cut to about `max_bytes` of
// input, with "…" where it was cut.
std::string printable(std::string_view text, std::size_t max_bytes = kPrintableBytes);

}  // namespace coe
