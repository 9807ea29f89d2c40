// A tokenised record becomes sequences of bounded length in the same way for profiling and for
// evaluation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coe {

// Returns consecutive windows of at most `max_tokens` (>= 2). Where the record begins with `bos`
// (>= 0), each later window is given it too, for models derail without it. Every token of the
// record is in exactly one window.
std::vector<std::vector<std::int32_t>> split_windows(std::span<const std::int32_t> tokens,
                                                     std::size_t max_tokens, std::int32_t bos);

// A window is a part of a record with context before it.
struct Window {
  std::vector<std::int32_t> tokens;
  // From this token on the window is new. What stands before was in an earlier window, or is `bos`
  // given again. It is 0 for the first window and at least 1 for others.
  std::size_t first_new = 0;
};

// Returns overlapping windows of at most `max_tokens` (>= 2) tokens. The first is the record's
// beginning; each later one brings `stride` (1 to max_tokens - 1) new tokens, fewer at the end of
// the record, after max_tokens - stride tokens of context. Where the record begins with `bos` (>=
// 0), the first token of the context is `bos`. Every token of the record is new in exactly one
// window.
std::vector<Window> sliding_windows(std::span<const std::int32_t> tokens, std::size_t max_tokens,
                                    std::size_t stride, std::int32_t bos);

}  // namespace coe
