// The stage of `specialize` that chats with the child, and what its result means in words.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine_library.h"
#include "coe/mask/recipe/pass_options.h"
#include "coe/measure/chat_check/chat_check.h"

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>

namespace coe {

struct ChatChecks {
  ChatCheck child;
  // The same questions, asked of the parent where the child fails: what that does as well is not
  // the cut's fault.
  std::optional<ChatCheck> parent;
};

// Opens the child, and closes `parent` before: one model is in memory at a time. The questions come
// from `text`. Errors: those of EngineLibrary::open, chat_questions but for kUnsupported, and
// check_chats.
Result<ChatChecks> ask_chats(const EngineLibrary& library, LazyEngine& parent,
                             const EngineOptions& child, const Corpus& text,
                             const ChatCheckOptions& options, Observer& observer);

// `child` and `parent` (null where it was not asked). The reader throws as the library does.
nlohmann::ordered_json chat_checks_json(const ChatChecks& checks);
ChatChecks read_chat_checks(const nlohmann::ordered_json& json);

// What is wrong and what helps beside `passes`, those of the run, in one line; empty where the
// child passed or nothing was asked.
std::string chat_warning(const ChatChecks& checks, const PassOptions& passes);

}  // namespace coe
