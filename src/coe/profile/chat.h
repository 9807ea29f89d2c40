// Records of a run with roles: how a chat, or a question that the model is to answer, becomes
// tokens, is run, and is added to the sub-domains of its roles.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/chat.h"
#include "coe/engine/engine.h"
#include "coe/profile/profile.h"
#include "coe/profile/roles.h"
#include "coe/profile/tape.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace coe {

struct ChatTask {
  // What to decode, each from position 0; when generating, one: the prompt.
  std::vector<std::vector<std::int32_t>> windows;
  std::string prompt;  // when generating: its text
  Segments segments;   // else: of the tokens of all windows
};

// Errors: kCorrupt when a chat has no turn of the model; kUnsupported without a chat template.
Result<ChatTask> plan_chat(Engine& engine, const ChatMarkup& markup, const Record& record,
                           const ProfileOptions& options);

struct ChatRun {
  Segments segments;  // of all tokens run
  Generated generated;
};

// `sample` is the record's index over the whole corpus: what is generated for a record depends on
// it and the seed, not on the other records of the run.
Result<ChatRun> run_chat(Engine& engine, const ChatMarkup& markup, const ChatTask& task,
                         std::uint64_t sample, const ProfileOptions& options, RoutingTape& tape,
                         Observer& observer);

}  // namespace coe
