// Building a corpus asks these things of a running model. The corpus module knows no engine, so
// whoever calls it hands them in.
#pragma once

#include "coe/base/result.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace coe {

struct ChatTurn {
  std::string role;  // "system", "user", "assistant"
  std::string content;
  std::string thinking;  // of the assistant, before the content; may be empty
};

struct ModelHooks {
  // Renders the whole chat in the markup of the model's template. It is empty when no model was
  // given.
  std::function<Result<std::string>(std::span<const ChatTurn>)> render_chat;
  // Counts the tokens of a text. It is empty when no model was given.
  std::function<Result<std::uint64_t>(std::string_view)> count_tokens;
  std::string model_name;    // for the manifest
  std::string model_digest;  // the same
};

}  // namespace coe
