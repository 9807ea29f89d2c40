// Records of a run with roles: how a chat, or a question that the model is to answer, becomes
// tokens, and how it is answered.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/chat.h"
#include "coe/engine/engine.h"
#include "coe/engine/roles.h"
#include "coe/profile/profile.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coe {

struct ChatWork {
  // What to decode, each from position 0; when generating, one: the prompt.
  std::vector<std::vector<std::int32_t>> windows;
  Segments segments;   // of the tokens of all windows; not when generating
  std::string prompt;  // when generating: its text
};

// Errors: kCorrupt when a chat has no turn of the model; kInvalidArgument for a question that fills
// the context; kUnsupported without a chat template.
Result<ChatWork> plan_chat(Engine& engine, const ChatMarkup& markup, const Record& record,
                           const ProfileOptions& options);

struct ChatCount {
  std::uint64_t n_record = 0;
  std::uint64_t n_chat = 0;         // with a turn of the model in its template's markup
  const Record* chat = nullptr;     // one of these
  const Record* no_chat = nullptr;  // one of the others
};

// Nothing for models without a chat template. Errors: those of the engine.
Result<std::optional<ChatCount>> count_chats(Engine& engine, const Corpus& text);

// Whether the records are chats. Errors: kCorrupt, naming one of each, where only some are; those
// of the engine.
Result<bool> are_chats(Engine& engine, const Corpus& text);

struct Question {
  std::span<const std::int32_t> tokens;
  const std::string& text;
  std::uint64_t sample = 0;  // index over the whole corpus
};

struct Answer {
  Segments segments;  // of question and answer
  Generated generated;
};

// What is generated depends on the seed and on the question's index, not on the other records of
// the run. Errors: those of Engine::generate.
Result<Answer> answer_question(Engine& engine, const ChatMarkup& markup, const Question& question,
                               const ProfileOptions& options, RoutingObserver& routing,
                               Observer& observer);

}  // namespace coe
