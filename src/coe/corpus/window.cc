#include "coe/corpus/window.h"

#include "coe/base/result.h"

#include <algorithm>

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

}  // namespace coe
