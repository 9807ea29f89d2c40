// What a message of a chat says, in the forms that servers send and published sets have.
#pragma once

#include "coe/base/result.h"
#include "coe/corpus/message/thinking.h"

#include <nlohmann/json_fwd.hpp>

#include <span>
#include <string>

namespace coe {

struct MessageText {
  std::string thinking;  // that stands apart from the content; it may hold more, see split_thinking
  std::string content;
};

// Reads `content` and, for thinking, the first of `reasoning_content`, `reasoning` and `thinking`
// that is not empty. Each is a string, or a list of parts: strings, {"type": "text", "text": "…"},
// or
// {"type": "thinking", "thinking": "…" or parts}, whose text is thinking. What is missing or null
// is empty. Errors: kCorrupt, naming the field: no object, a field or part of another type.
Result<MessageText> read_message_text(const nlohmann::json& message);

// Parts thinking from content, wherever it is: what stands apart is thinking, and all of the
// content is content; where nothing does, split_thinking() parts the content.
ThinkingSplit split_message(const MessageText& text,
                            std::span<const ThinkingMarkers> markers = known_thinking_markers());

}  // namespace coe
