// How a tokenised record becomes sequences of bounded length, for profiling and evaluation alike.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coe {

// Consecutive windows of at most `max_tokens` (>= 2). Where the record begins with `bos` (>= 0),
// each later window is given it too, for models that derail without. Shape: every token of the
// record is in exactly one window.
std::vector<std::vector<std::int32_t>> split_windows(std::span<const std::int32_t> tokens,
                                                     std::size_t max_tokens, std::int32_t bos);

}  // namespace coe
