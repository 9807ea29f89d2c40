// A conversation on the screen, and as JSON.
#pragma once

#include "coe/ask/answer/answerer.h"
#include "coe/ask/ask.h"
#include "coe/base/file.h"
#include "coe/cli/render/document.h"
#include "coe/cli/terminal_text.h"
#include "coe/engine/chat.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe::cli {

struct ChatTitle {
  std::string name;
  std::uint32_t n_expert = 0;
  std::uint32_t n_keep = 0;
  Path mask;  // may be empty
  std::uint32_t n_ctx = 0;
  bool thinking = false;
};
// "Gemma4 Tiny MoE, 64 of 128 experts (web.json), context 20480, thinking off"
std::string chat_title(const ChatTitle& title);

// Names who answers, above the answer, where several models do.
std::string talker_heading(std::string_view title, bool on_terminal);

// Makes pieces of an answer fit for a terminal, thinking dimmed (but with NO_COLOR), or for a pipe:
// thinking first, an empty line, the answer.
class AnswerPrinter {
 public:
  explicit AnswerPrinter(bool on_terminal);
  std::string take(std::string_view piece, bool thinking);
  std::string end();

 private:
  bool dims_;
  bool thinking_ = false;
  bool begun_ = false;
  TerminalText text_;
};

// "12 tokens, 34.5 tokens/s", dimmed.
std::string speed_line(const ChatAnswer& answer);

// Says what a person should know of a turn, a line each: that it loops, was cut, forgot earlier
// turns, or thinks although it should not.
std::vector<std::string> turn_notes(const ChatAnswer& answer, std::size_t n_dropped, bool thinking);

// A conversation as a line of JSONL with `messages`.
std::string chat_record(std::span<const ChatMessage> messages);

struct ChatOutput {
  Path model;
  Path mask;
  const AskOptions& ask;
  const ChatAnswer& answer;
};
Json chat_json(const ChatOutput& output);

}  // namespace coe::cli
