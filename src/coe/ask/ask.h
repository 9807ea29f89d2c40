// ask_all() asks an answerer many questions and keeps the answers in a journal, so that nothing is
// asked twice.
#pragma once

#include "coe/ask/answer/answerer.h"
#include "coe/ask/journal.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/chat.h"

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace coe {

struct AskOptions {
  bool thinking = false;
  std::uint32_t max_new_tokens = 2048;
  Sampling sampling{};  // each question has a seed of its own, made of this one and its number
  bool guard_loops = true;
  LoopOptions loop{};
  unsigned n_parallel = 1;    // questions at a time; above 1 only for answerers that may be shared
  bool retry_failed = false;  // ask again what failed in an earlier run
  std::string system{};       // what the system message says; empty: there is none
};

// Specialists are asked so, unless the user says otherwise: thinking off, at most 16,384 new
// tokens, temperature 0.6, repeat penalty 1.05 over the last 1,024. The web specialist's card was
// measured with it.
AskOptions specialist_defaults();
// Room for the longest answer of a specialist and a long question.
inline constexpr std::uint32_t kSpecialistContext = 20480;

struct AskedQuestion {
  std::string text;
  std::string system{};  // empty: AskOptions::system
};

// Returns what decides an answer, for JournalHeader::settings.
std::string settings_of(const AskOptions& options);

struct AskReport {
  std::uint64_t n_asked = 0;  // in this run
  std::uint64_t n_token = 0;  // generated in this run
  double seconds = 0.0;
};

// Asks those of `questions` (their numbers) that the journal has no answer to. `question` gives
// what to ask; several threads call it at once with n_parallel above 1. A question that gets no
// answer is a failure of its own. When five in a row get none, the run ends with the last one's
// error, and none of them counts as asked. Errors, after which what has been answered is kept:
// kCancelled, kEngine, kIo.
Result<AskReport> ask_all(Answerer& answerer, std::span<const std::uint64_t> questions,
                          const std::function<AskedQuestion(std::uint64_t)>& question,
                          const AskOptions& options, Journal& journal, std::string_view stage,
                          Observer& observer);

}  // namespace coe
