// What a message of a chat says, in the forms that servers send and published sets have.
#pragma once

#include "coe/base/result.h"
#include "coe/corpus/message/thinking.h"

#include <nlohmann/json_fwd.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// The fields of a message in which thinking stands apart: `reasoning_content`, `reasoning`,
// `thinking`, `reasoning_details`.
const std::vector<std::string_view>& thinking_fields();

struct ThinkingText {
  std::string text;
  std::string unread;  // what there is of it that cannot be read, as words; mostly empty
};

// Reads the first of thinking_fields() that is not empty. Each is a string, or a list of parts as a
// content is; `reasoning_details` is OpenRouter's list, of which {"type": "reasoning.text", "text":
// "…"} and {"type": "reasoning.summary", "summary": "…"} are thinking, one behind the other, and
// encrypted parts and those of other types are `unread`. Errors: kCorrupt, naming the field: one of
// another type.
Result<ThinkingText> read_thinking_text(const nlohmann::json& message);

struct MessageText {
  std::string thinking;  // that stands apart from the content; it may hold more, see split_thinking
  std::string content;
  std::string unread = {};  // see ThinkingText
};

// Reads `content`, and thinking as read_thinking_text() does. The content is a string, or a list of
// parts: strings, {"type": "text", "text": "…"}, {"type": "refusal", "refusal": "…"}, or {"type":
// "thinking", "thinking": "…" or parts}, whose text is thinking where none stands apart. What is
// missing or null is empty. A refusal (`refusal`, which OpenAI's servers send in place of the
// content) is what the model says, and so is content. Errors: kCorrupt, naming the field: no
// object, a field or part of another type.
Result<MessageText> read_message_text(const nlohmann::json& message);

// Parts thinking from content, wherever it is: what stands apart is thinking, and all of the
// content is content; where nothing does, split_thinking() parts the content.
ThinkingSplit split_message(const MessageText& text,
                            std::span<const ThinkingMarkers> markers = known_thinking_markers());

}  // namespace coe
