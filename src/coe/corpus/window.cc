#include "coe/corpus/window.h"

#include "coe/base/result.h"

#include <algorithm>
#include <utility>

namespace coe {

std::vector<std::vector<std::int32_t>> split_windows(std::span<const std::int32_t> tokens,
                                                     std::size_t max_tokens, std::int32_t bos) {
  COE_CHECK(max_tokens >= 2);
  const bool repeat_bos = bos >= 0 && !tokens.empty() && tokens.front() == bos;
  std::vector<std::vector<std::int32_t>> windows;
  std::size_t next = 0;
  while (next < tokens.size()) {
    std::vector<std::int32_t> window;
    if (repeat_bos && next > 0) window.push_back(bos);
    const std::size_t take = std::min(max_tokens - window.size(), tokens.size() - next);
    const auto part = tokens.subspan(next, take);
    window.insert(window.end(), part.begin(), part.end());
    windows.push_back(std::move(window));
    next += take;
  }
  return windows;
}

std::vector<Window> sliding_windows(std::span<const std::int32_t> tokens, std::size_t max_tokens,
                                    std::size_t stride, std::int32_t bos) {
  COE_CHECK(max_tokens >= 2 && stride >= 1 && stride < max_tokens);
  if (tokens.empty()) return {};
  const bool repeat_bos = bos >= 0 && tokens.front() == bos;
  const std::size_t n_context = max_tokens - stride;
  const std::size_t n_before = n_context - (repeat_bos ? 1 : 0);  // of the record's own tokens
  std::vector<Window> windows;
  windows.push_back({{tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(
                                                           std::min(max_tokens, tokens.size()))},
                     0});
  for (std::size_t next = max_tokens; next < tokens.size(); next += stride) {
    Window window;
    window.first_new = n_context;
    if (repeat_bos) window.tokens.push_back(bos);
    const std::size_t end = std::min(next + stride, tokens.size());
    const auto part = tokens.subspan(next - n_before, end - (next - n_before));
    window.tokens.insert(window.tokens.end(), part.begin(), part.end());
    windows.push_back(std::move(window));
  }
  return windows;
}

}  // namespace coe
