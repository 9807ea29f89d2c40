// A conversation with one model: what was said, and what of it still fits into the context.
#pragma once

#include "coe/ask/answer/answerer.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/chat.h"
#include "coe/engine/engine.h"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace coe {

class Conversation {
 public:
  // Says how many tokens messages become, up to where the model's next turn begins.
  using Counter = std::function<Result<std::size_t>(std::span<const ChatMessage>, bool thinking)>;

  // `answerer` must outlive it. `n_ctx` is the model's context, in tokens.
  Conversation(Answerer& answerer, Counter count, std::size_t n_ctx)
      : answerer_(answerer), count_(std::move(count)), n_ctx_(n_ctx) {}

  struct Turn {
    ChatAnswer answer;
    std::size_t n_dropped = 0;  // oldest exchanges that had to go, to leave room for an answer
  };
  // Asks `text` behind all that was said. `request` has everything but the messages. Of the context
  // a quarter, or max_new_tokens where that is less, is kept free for the answer: the oldest
  // exchanges are forgotten until it is. After an error nothing was said. Errors: those of
  // Answerer::answer.
  Result<Turn> ask(const std::string& text, AnswerRequest request, Observer& observer);

  // Empty: none.
  void set_system(std::string system) { system_ = std::move(system); }
  void forget() { said_.clear(); }
  // The system message, where there is one, and all that was said and is not forgotten.
  std::vector<ChatMessage> messages() const;

 private:
  Result<std::size_t> make_room(const AnswerRequest& request);

  Answerer& answerer_;
  Counter count_;
  std::size_t n_ctx_;
  std::string system_;
  std::vector<ChatMessage> said_;  // user and assistant in turns
};

// Counts with a model's own template and tokenizer.
Conversation::Counter counter_of(Engine& engine);

}  // namespace coe
