// A record becomes a chat by its fields, or by the list of messages that published chat sets have.
#pragma once

#include "coe/base/result.h"
#include "coe/corpus/hooks.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/spec.h"

#include <string_view>
#include <vector>

namespace coe {

// `system` and `thinking` may be missing, null or empty in a record; then the chat has none.
// Errors: kCorrupt for a user's or assistant's field that is not there, no string or empty.
Result<std::vector<ChatTurn>> chat_of_fields(const ChatSpec& spec,
                                             const std::vector<JsonMember>& members);

// `json` is one object whose member `field` is a list of objects with `role` and `content`, or
// with `from` and `value` (human, gpt); of an assistant also `thinking` or `reasoning_content`.
// Errors: kCorrupt: not UTF-8, not JSON, no such list, a message that is not of that form, an
// unknown role, a chat without the user's words, system words that are not first, or two turns of
// one speaker in a row.
Result<std::vector<ChatTurn>> chat_of_messages(std::string_view json, std::string_view field);

}  // namespace coe
