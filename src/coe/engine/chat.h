// Chats and generation: the text that a model's template puts around turns and thinking, what
// single tokens spell, and how a text is continued.
#pragma once

#include "coe/base/tool_call.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace coe {

class Observer;
class RoutingObserver;
struct ExpertFilter;

struct ChatMessage {
  std::string role;  // "system", "user", "assistant", "tool"
  std::string content;
  // Of the assistant: what it calls, and the thinking before these calls, which templates keep.
  std::vector<ToolCall> tool_calls = {};
  std::string call_thinking = {};
  // Of a tool: its name and the call that it answers; either may be empty.
  std::string tool_name = {};
  std::string tool_call_id = {};
};

// Markup says where turns and thinking begin and end in a rendered chat. Each string is spelled as
// TokenText spells the tokens that the engine makes of it.
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

// The next token is chosen in this way: logits of tokens that occur among the last repeat_last_n,
// the prompt's too, are made smaller by repeat_penalty (divided by it if positive, else
// multiplied); then the top_k likeliest, of these the likeliest that make up top_p, of these one at
// random by softmax(logits / temperature).
struct Sampling {
  float temperature = 0.6F;  // 0: the likeliest token, whatever top_k, top_p and seed say
  std::int32_t top_k = 64;   // 0: all
  float top_p = 0.95F;       // 1: all
  std::uint64_t seed = 1;
  float repeat_penalty = 1.0F;        // above 0; 1: none
  std::int32_t repeat_last_n = 1024;  // tokens; 0: no penalty
};

// Sees a text while it is written.
class TokenObserver {
 public:
  virtual ~TokenObserver() = default;
  // Not of the token that ends the turn. False: the text ends here.
  virtual bool on_token(std::int32_t token) = 0;
};

struct GenerateRequest {
  std::span<const std::int32_t> prompt;  // from position 0
  std::uint32_t max_new_tokens = 0;
  Sampling sampling;
  RoutingObserver* routing = nullptr;    // sees each token of the prompt and of the result once
  bool outputs = false;                  // also the norms of LayerRouting
  const ExpertFilter* filter = nullptr;  // null: the model as it is
  // The KV cache of the last generate() with this, and the same filter, serves as far as both texts
  // begin alike. Its batches were cut elsewhere, so that near-ties may fall the other way.
  bool keeps_cache = false;
  TokenObserver* written = nullptr;
  Observer* observer = nullptr;  // its cancelled() is polled between tokens
};

struct Generation {
  std::vector<std::int32_t> tokens;  // without the one that ended it
  // -1: stopped at max_new_tokens, at the end of the context, or by TokenObserver
  std::int32_t end_token = -1;
};

}  // namespace coe
