// This parts thinking from content in an answer that came as one text.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct ThinkingMarkers {
  std::string start;  // "<think>"
  std::string end;    // "</think>"
};

// Those that model families, and published answers, are known to have: <think>, Gemma 4's thought
// channel, Mistral's [THINK] and a few more.
const std::vector<ThinkingMarkers>& known_thinking_markers();

struct ThinkingSplit {
  std::string thinking;  // without markers; blocks are joined by a newline
  std::string content;
  // Markers in the content that look like a channel's or a turn's and are none of those known, each
  // once: "<|channel>plan", "<|im_start|>"; a tag at its beginning that sounds like thinking's,
  // "<THINK>"; ends of blocks that are not open.
  std::vector<std::string> unknown;
};

// Says whether a name, or a tag, sounds like that of thinking: "reasoning_details", "<scratchpad>".
bool sounds_like_thinking(std::string_view name);
// Returns the "<name>", "[name]" or "<|name|>" that a text begins with, where it sounds so.
std::string_view thinking_tag(std::string_view text);

// Splits by the markers that come first in the text: one of `markers`, or gpt-oss's channels
// (analysis is thinking, final is content). A block that nothing ends is thinking to the end. An
// end marker that no start marker precedes ends a block that the prompt had opened, as some
// templates do. White space around the parts is dropped. Without `markers` all is content.
ThinkingSplit split_thinking(std::string_view text,
                             std::span<const ThinkingMarkers> markers = known_thinking_markers());

}  // namespace coe
