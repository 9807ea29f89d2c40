// What an engine says about chats: the text that its model's template puts around turns and
// thinking, and what single tokens spell.
#pragma once

#include <string>
#include <vector>

namespace coe {

// Where turns and thinking begin and end in a rendered chat. Each string is spelled as TokenText
// spells the tokens that the engine makes of it.
struct ChatMarkup {
  std::vector<std::string> model_turns;    // what opens a turn of the model: "<|turn>model\n"
  std::vector<std::string> other_turns;    // what opens a turn of anybody else; may be empty
  std::string thinking_start;              // "<think>"; empty: thinking begins with the turn
  std::vector<std::string> thinking_ends;  // "</think>", …; empty: the template has no thinking
};

struct TokenText {
  std::string text;        // of control tokens too; may be a part of a UTF-8 sequence, or empty
  bool ends_turn = false;  // the model ends its turn with it
};

}  // namespace coe
