#include "coe/engine/prompt.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace coe {

Result<Prompt> render_prompt(Engine& engine, std::span<const ChatMessage> messages, bool thinking,
                             std::string_view what) {
  Prompt prompt;
  COE_TRY(prompt.text, engine.render_chat(messages, thinking));
  COE_TRY(prompt.tokens, engine.tokenize(prompt.text));
  if (prompt.tokens.size() >= engine.info().n_ctx)
    return fail(Code::kInvalidArgument,
                fmt::format("{} leaves no room in the context ({} tokens of {})", what,
                            prompt.tokens.size(), engine.info().n_ctx),
                "a larger -c gives more");
  return prompt;
}

Result<std::string> render_exchange(Engine& engine, const ChatMarkup& markup,
                                    const std::string& question, const std::string& answer) {
  const std::array<ChatMessage, 3> chat = {
      ChatMessage{"user", question}, {"assistant", answer}, {"user", "coe-next-question"}};
  COE_TRY(auto text, engine.render_chat(chat, false));
  const std::size_t next = text.rfind(chat.back().content);
  std::size_t end = std::string::npos;
  for (const auto& opening : markup.other_turns) {
    const std::size_t at = next == std::string::npos ? next : text.rfind(opening, next);
    // The last of them, and no part of the answer.
    if (at != std::string::npos && (end == std::string::npos || at > end)) end = at;
  }
  if (end != std::string::npos && end > 0 && text.rfind(answer, end) != std::string::npos)
    return text.substr(0, end);
  COE_TRY(text, engine.render_chat({chat.data(), 1}, false));
  return text + answer;
}

}  // namespace coe
