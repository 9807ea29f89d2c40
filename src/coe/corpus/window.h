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

// A part of a record with context before it.
struct Window {
  std::vector<std::int32_t> tokens;
  // From this token on the window is new: what stands before was in an earlier window, or is `bos`
  // given again. 0 for the first window, at least 1 for others.
  std::size_t first_new = 0;
};

// Overlapping windows of at most `max_tokens` (>= 2) tokens. The first is the record's beginning;
// each later one brings `stride` (1 to max_tokens - 1) new tokens, fewer at the end of the record,
// after max_tokens - stride tokens of context. Where the record begins with `bos` (>= 0), the first
// of these is `bos`. Shape: every token of the record is new in exactly one window.
std::vector<Window> sliding_windows(std::span<const std::int32_t> tokens, std::size_t max_tokens,
                                    std::size_t stride, std::int32_t bos);

}  // namespace coe
