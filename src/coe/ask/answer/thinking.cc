#include "coe/ask/answer/thinking.h"

#include "coe/engine/chat.h"
#include "coe/engine/roles.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace coe {

ThinkingSplit split_thinking(std::string_view text, std::span<const ThinkingMarkers> markers) {
  ChatMarkup markup;
  std::size_t first = std::string_view::npos;
  for (const auto& pair : markers) {
    const std::size_t start = text.find(pair.start);
    const std::size_t end = text.find(pair.end);
    if (std::min(start, end) >= first) continue;
    first = std::min(start, end);
    markup.thinking_start = start < end ? pair.start : "";
    markup.thinking_ends = {pair.end};
  }
  const TokenText whole = {std::string(text), false};
  auto segments = segment_roles({&whole, 1}, markup, {.first_generated = 0});
  return {std::move(segments.thinking), std::move(segments.answer)};
}

}  // namespace coe
