// A chat as the tokens that a model goes on from.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/chat.h"
#include "coe/engine/engine.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct Prompt {
  std::string text;
  std::vector<std::int32_t> tokens;
};

// Rendered by the model's template, up to where its next turn begins. `what` names the chat in
// messages ("the question"). Errors: kInvalidArgument when it leaves no room in the context; those
// of Engine::render_chat and tokenize.
Result<Prompt> render_prompt(Engine& engine, std::span<const ChatMessage> messages, bool thinking,
                             std::string_view what);

// A question and its answer, without thinking, as the template writes what lies behind: up to where
// the next turn would begin. Templates that leave no trace of where that is: the prompt and the
// answer. Errors: those of Engine::render_chat.
Result<std::string> render_exchange(Engine& engine, const ChatMarkup& markup,
                                    const std::string& question, const std::string& answer);

}  // namespace coe
