#include "coe/college/package/chat_switch.h"

#include "coe/engine/chat.h"

#include <cstddef>

namespace coe {

std::string_view thinking_name(Thinking thinking) {
  switch (thinking) {
    case Thinking::kSwitch:
      return "switch";
    case Thinking::kNone:
      return "none";
    case Thinking::kAlways:
      break;
  }
  return "always";
}

Result<ChatSwitch> find_chat_switch(Engine& engine) {
  const std::string question = "Which of these is a prime: 21, 27, 29?";
  const ChatMessage message{.role = "user", .content = question};
  COE_TRY(const auto markup, engine.chat_markup());
  COE_TRY(const auto off, engine.render_chat({&message, 1}, false));
  COE_TRY(const auto on, engine.render_chat({&message, 1}, true));
  ChatSwitch found;
  const auto asked = off.rfind(question);
  found.prompt_end = asked == std::string::npos ? off : off.substr(asked + question.size());
  const std::string_view end = found.prompt_end;
  std::size_t closed = std::string_view::npos;
  std::size_t closed_end = 0;
  for (const auto& marker : markup.thinking_ends) {
    if (marker.empty()) continue;
    const auto at = end.rfind(marker);
    if (at == std::string_view::npos || (closed != std::string_view::npos && at < closed)) continue;
    closed = at;
    closed_end = at + marker.size();
  }
  const auto opened =
      markup.thinking_start.empty() ? std::string_view::npos : end.rfind(markup.thinking_start);
  const bool left_open =
      opened != std::string_view::npos && (closed == std::string_view::npos || closed < opened);
  if (!left_open && opened != std::string_view::npos)
    found.closed_block = end.substr(opened, closed_end - opened);
  if (markup.thinking_ends.empty() && markup.thinking_start.empty())
    found.thinking = Thinking::kNone;
  else
    found.thinking = left_open || on == off ? Thinking::kAlways : Thinking::kSwitch;
  return found;
}

}  // namespace coe
