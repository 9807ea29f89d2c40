// An Answerer asks a model one question at a time, whoever runs it: the linked engine
// (engine_answerer.h) or a server (endpoint/).
#pragma once

#include "coe/ask/answer/loop_guard.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/chat.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct AnswerRequest {
  std::span<const ChatMessage> messages;
  bool thinking = false;  // as the model's template switches it
  std::uint32_t max_new_tokens = 2048;
  Sampling sampling;
  bool guard_loops = true;  // stop an answer that loops; thinking and content are one text to that
  LoopOptions loop;
  // If set, it is told what the model writes while it does, thinking and content apart; the
  // engine's text is without markers, a server's may have those that it leaves there. An error ends
  // the answer and is what answer() returns.
  std::function<Status(std::string_view piece, bool thinking)> on_text;
  // If set, the linked engine asks it after each token: true ends the answer as kStopped, with what
  // there is. A server's answer is stopped by the observer only, and lost.
  std::function<bool()> stops;
  // For conversations: see GenerateRequest. Servers decide that for themselves.
  bool keeps_cache = false;
};

enum class AnswerEnd : std::uint8_t {
  kTurn,     // the model ended its turn
  kLength,   // max_new_tokens, or the end of the context
  kLoop,     // stopped by the loop guard
  kStopped,  // AnswerRequest::stops
  kFilter,   // whoever runs the model withheld the rest: a content filter
};

struct ChatAnswer {
  std::string thinking;  // without markers
  std::string content;   // what is outside thinking
  // Markers left in the content that look like a channel's and are not known: "<|channel>plan".
  std::vector<std::string> unknown_markers;
  // What a server sent of its thinking that cannot be read, as words: "encrypted thinking in …".
  std::string unread_thinking;
  // Known markers that stand where they begin and end nothing. They are in the text, but on_text
  // did not show them. Of the linked engine, with on_text.
  std::size_t n_stray_marker = 0;
  AnswerEnd end = AnswerEnd::kTurn;
  std::string filter;                // kFilter: the server's word for it, such as "content_filter"
  std::uint64_t n_token_prompt = 0;  // 0: the server does not say
  std::uint64_t n_token = 0;         // generated, thinking too
  bool n_token_known = true;         // false: n_token was counted as streamed pieces
  double seconds = 0.0;
  std::uint64_t n_replaced = 0;  // halves of characters that a server sent, each now U+FFFD
};

// Result rows say who answered.
struct AnswererInfo {
  std::string model;   // its file, or the name that the server knows it by
  std::string server;  // "llama.cpp v0.5.0 (CPU)", or the address of a server
};

class Answerer {
 public:
  virtual ~Answerer() = default;
  virtual const AnswererInfo& info() const = 0;
  // Errors: kInvalidArgument for a question that fills the context; kCorrupt for an answer that is
  // too large; kUnsupported without a chat
  // template; kEngine when the engine fails, or, after the retries, a server cannot be reached,
  // refuses (HTTP status, its own message) or breaks off; kCancelled.
  virtual Result<ChatAnswer> answer(const AnswerRequest& request, Observer& observer) = 0;
};

}  // namespace coe
