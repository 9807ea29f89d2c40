// This parts thinking from content in an answer that came as one text.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace coe {

struct ThinkingMarkers {
  std::string start;  // "<think>"
  std::string end;    // "</think>"
};

struct ThinkingSplit {
  std::string thinking;  // without markers; blocks are joined by a newline
  std::string content;
};

// Splits by the markers that come first in the text. A block that nothing ends is thinking to the
// end. An end marker that no start marker precedes ends a block that the prompt had opened, as some
// templates do. White space around the parts is dropped.
ThinkingSplit split_thinking(std::string_view text, std::span<const ThinkingMarkers> markers);

}  // namespace coe
