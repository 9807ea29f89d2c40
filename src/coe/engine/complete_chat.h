// Whole chats in the markup of a model's template, the model's own last turn too: what a template
// renders ends where that turn begins.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/chat.h"
#include "coe/engine/engine.h"

#include <span>
#include <string>
#include <string_view>

namespace coe {

class ChatCompleter {
 public:
  // Learns from the template, by rendering probes, how it closes a turn and how it sets thinking.
  // `engine` must outlive this. Errors: kUnsupported where there is no template, or nothing in it
  // shows where a turn of the model ends.
  static Result<ChatCompleter> create(Engine& engine);

  // The chat; when the last message is the assistant's, with that turn, closed. `thinking` goes
  // before that message's content; without, the thinking block is closed and empty where the
  // template has such a switch. Templates leave out the thinking of earlier turns, so there is no
  // place for it. A last message that calls tools is all the template's: it ends where the tools
  // answer, and its thinking is ChatMessage::call_thinking. Errors: kUnsupported for thinking where
  // the template has none, those of Engine::render_chat.
  Result<std::string> render(std::span<const ChatMessage> messages,
                             std::string_view thinking) const;

 private:
  explicit ChatCompleter(Engine& engine) : engine_(engine) {}
  Status learn_turn_end();
  Status learn_thinking();
  Result<std::string> render_calls(std::span<const ChatMessage> messages) const;

  Engine& engine_;
  ChatMarkup markup_;
  std::string turn_end_;  // "<turn|>\n"
  std::string
      reply_opening_;  // what a prompt ends with: "<|turn>model\n<|channel>thought\n<channel|>"
  bool has_thinking_ = false;
  std::string thinking_open_;   // what goes before thinking: "<think>\n"
  std::string thinking_close_;  // between thinking and content: "\n</think>\n\n"
};

}  // namespace coe
