// Every module that speaks to people shares these small helpers.
#pragma once

#include "coe/base/result.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace coe {

// "21.9 MB", "9.72 GB": powers of 1000, as disks and download pages count.
std::string human_bytes(std::uint64_t bytes);

// Reads "12GB", "800 MB", "12GiB": kB, MB, GB, TB are powers of 1000, KiB to TiB of 1024, and a
// letter alone ("12G") is of 1000, as human_bytes has it. A fraction may be given. Errors:
// kInvalidArgument.
Result<std::uint64_t> parse_bytes(std::string_view text);

// Version of coe, e.g. "0.1.0"; recorded in every file it writes.
std::string_view tool_version();

// The candidate most like `word` (edit distance at most a third of its length), or empty.
std::string_view closest_match(std::string_view word, std::span<const std::string> candidates);

// A to Z made small; every other byte as it is.
std::string lower_ascii(std::string_view text);

}  // namespace coe
