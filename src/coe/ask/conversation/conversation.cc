#include "coe/ask/conversation/conversation.h"

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>

namespace coe {

std::vector<ChatMessage> Conversation::messages() const {
  std::vector<ChatMessage> out;
  out.reserve(said_.size() + 1);
  if (!system_.empty()) out.push_back({"system", system_});
  out.insert(out.end(), said_.begin(), said_.end());
  return out;
}

// The question is the last that was said: it stays, whatever room it leaves.
Result<std::size_t> Conversation::make_room(const AnswerRequest& request) {
  const std::size_t wanted = std::min<std::size_t>(request.max_new_tokens, n_ctx_ / 4);
  std::size_t n_dropped = 0;
  while (true) {
    COE_TRY(const auto n_token, count_(messages(), request.thinking));
    if (n_token + wanted <= n_ctx_ || said_.size() < 3) return n_dropped;
    said_.erase(said_.begin(), said_.begin() + 2);
    ++n_dropped;
  }
}

Result<Conversation::Turn> Conversation::ask(const std::string& text, AnswerRequest request,
                                             Observer& observer) {
  const auto before = said_;
  said_.push_back({"user", text});
  const auto run = [&]() -> Result<Turn> {
    COE_TRY(const auto n_dropped, make_room(request));
    const auto all = messages();
    request.messages = all;
    COE_TRY(auto answer, answerer_.answer(request, observer));
    return Turn{std::move(answer), n_dropped};
  };
  auto turn = run();
  if (!turn) {
    said_ = before;
    return turn;
  }
  // Templates leave the thinking of earlier turns out.
  said_.push_back({"assistant", turn->answer.content});
  return turn;
}

Conversation::Counter counter_of(Engine& engine) {
  return [&engine](std::span<const ChatMessage> messages, bool thinking) -> Result<std::size_t> {
    COE_TRY(const auto text, engine.render_chat(messages, thinking));
    COE_TRY(const auto tokens, engine.tokenize(text));
    return tokens.size();
  };
}

}  // namespace coe
