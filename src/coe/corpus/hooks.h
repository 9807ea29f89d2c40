// Building a corpus asks these things of a running model. The corpus module knows no engine, so
// whoever calls it hands them in.
#pragma once

#include "coe/base/result.h"
#include "coe/base/tool_call.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct ChatTurn {
  std::string role;  // "system", "user", "assistant", "tool"
  std::string content;
  std::string thinking = {};  // of the assistant, before content and calls; may be empty
  std::vector<ToolCall> tool_calls = {};  // of the assistant; then its content may be empty
  std::string tool_name = {};             // of a tool; may be empty
  std::string tool_call_id = {};          // the same
};

// What a model wrote, with its thinking apart.
struct ThinkingParts {
  std::string thinking;  // without markers
  std::string content;
};

struct ModelHooks {
  // Renders the whole chat in the markup of the model's template. It is empty when no model was
  // given. Errors: kCorrupt when the template cannot take this chat; any other holds for all chats.
  std::function<Result<std::string>(std::span<const ChatTurn>)> render_chat;
  // Parts thinking that stands in the words of an assistant, by the markers of the model's template
  // and those of other families. Words without markers come back as they are. It is empty when no
  // model was given.
  std::function<Result<ThinkingParts>(std::string_view)> split_thinking;
  // Counts the tokens of a text. It is empty when no model was given.
  std::function<Result<std::uint64_t>(std::string_view)> count_tokens;
  std::string model_name;    // for the manifest
  std::string model_digest;  // the same
};

}  // namespace coe
