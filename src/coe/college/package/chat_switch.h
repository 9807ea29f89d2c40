// Finds out whether thinking can be switched off in a model's chats, as its template renders them.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/engine.h"

#include <string>
#include <string_view>

namespace coe {

enum class Thinking {
  kSwitch,  // off is another prompt than on, and no thinking is open at its end
  kNone,    // the template has no thinking
  kAlways,  // on and off are the same prompt, or off leaves thinking open
};
std::string_view thinking_name(Thinking thinking);  // "switch", "none", "always"

struct ChatSwitch {
  Thinking thinking = Thinking::kNone;
  // A prompt ends with this, after the question, when thinking is off.
  std::string prompt_end;
  std::string closed_block;  // the part of it that opens and closes thinking; may be empty
};

// Renders one question with thinking on and off. Errors: those of Engine::render_chat.
Result<ChatSwitch> find_chat_switch(Engine& engine);

}  // namespace coe
