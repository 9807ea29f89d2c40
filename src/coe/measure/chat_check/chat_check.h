// A check whether a model answers when it is chatted with: a few short questions of its domain,
// asked greedily and with thinking off, and whether the answers think all the same, are empty, hold
// markers or go round in circles. What they say is not judged. Source: docs/specialize.md, "Does it
// answer".
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/engine.h"
#include "coe/measure/chat_check/judge.h"
#include "coe/measure/chat_check/questions.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace coe {

inline constexpr std::size_t kChatCheckQuestions = 8;

struct ChatCheckOptions {
  std::uint32_t max_new_tokens = 64;  // of an answer
  double max_seconds = 300.0;         // of all; what is then not answered is not counted
};

struct ChatCheckAnswer {
  ChatQuestion question;
  std::string thinking;
  std::string content;
  std::uint64_t n_token = 0;
  bool ended = false;  // the model ended its turn
  ChatFaults faults;
};

struct ChatCheck {
  std::string not_run;         // why nothing was asked; empty: it was
  std::size_t n_question = 0;  // there were; fewer answers where time or the context ran out
  std::vector<ChatCheckAnswer> answers;
  std::string engine;

  std::size_t n_bad() const;
  // Counts the answers with a fault: &ChatFaults::loops.
  std::size_t n_with(bool ChatFaults::* fault) const;
  // At most a quarter of the answers are bad: one odd question says little. Nothing was asked:
  // false.
  bool passed() const;
};

// Asks one question after the other, as the same engine would answer them again. Questions that do
// not fit into the context are passed over. `name` stands for the work in progress messages.
// Without a chat template, or without a question, nothing is asked, and `not_run` says so. Errors:
// those of Engine::generate; kCancelled.
Result<ChatCheck> check_chats(Engine& engine, std::span<const ChatQuestion> questions,
                              const ChatCheckOptions& options, std::string_view name,
                              Observer& observer);

// "5 of 8 answers: 3 think all the same, 5 loop"; empty where no answer is bad.
std::string chat_fault_words(const ChatCheck& check);

}  // namespace coe
