// chat-check.json of a package: the questions of the chat check and what was answered.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/college/package/facts.h"
#include "coe/college/package/manifest.h"
#include "coe/measure/chat_check/questions.h"

#include <string>
#include <vector>

namespace coe {

std::string chat_file_text(const ChatFacts& facts);

// Returns the questions. Errors: kCorrupt where the file is none, has no answers or more than there
// are questions in a chat check, or says another thing than the manifest (`said`); those of
// read_text.
Result<std::vector<ChatQuestion>> read_chat_file(const Path& file, const PackageChatCheck& said);

}  // namespace coe
