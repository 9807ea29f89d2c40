// The questions of the chat check come from held-out text of the specialist's domain.
#pragma once

#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"

#include <cstddef>
#include <string>
#include <vector>

namespace coe {

struct ChatQuestion {
  std::string text;
  bool from_chat = false;  // it is what a user asked; else it is made of other text
};

// Longer turns of users are passed over, and the beginning of other text is cut at a word's end.
inline constexpr std::size_t kMostQuestionChars = 600;
inline constexpr std::size_t kMostBeginningChars = 160;

// At most `n` questions, all different, the same for the same text. Records that are chats in the
// markup of the engine's template give the words of their first user; where these are fewer than
// `n`, records of other text give "Continue this:" with their beginning. Of each kind they are
// spread evenly over the records in order. Errors: those of Engine::render_chat; kUnsupported
// without a chat template.
Result<std::vector<ChatQuestion>> chat_questions(Engine& engine, const Corpus& text, std::size_t n);

}  // namespace coe
