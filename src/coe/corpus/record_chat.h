// A record becomes a chat by its fields, or by the list of messages that published chat sets and
// exports of chat programs have.
#pragma once

#include "coe/base/result.h"
#include "coe/corpus/hooks.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/spec.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct RecordChat {
  std::vector<ChatTurn> turns;
  // What looks like thinking and is not known as such: see unknown_thinking_field. Mostly empty.
  std::string unknown_thinking = {};
  // The field that declares tools, which is not read: see tools_field. Mostly empty.
  std::string_view tools = {};
  // What the chat holds that is no part of the turns, by its name in the plural: "tool messages".
  std::map<std::string, std::uint64_t> left_out = {};
};

// `system` and `thinking` may be missing, null or empty in a record; then the chat has none.
// Errors: kCorrupt for a user's or assistant's field that is not there, no string or empty.
Result<RecordChat> chat_of_fields(const ChatSpec& spec, const std::vector<JsonMember>& members);

// `json` is one object whose member `field` is a list of messages (see read_message) or a string
// that holds such a list as JSON; or it is the list itself. Words in a member `system` come first.
// The fields `mapping` and `chat_messages` are those of exports: see chat_export.h, also for
// errors. Errors: kCorrupt: not UTF-8, not JSON, no such list, a message that cannot be read, a
// chat without the user's words, system words that are not first, two turns of one speaker in a
// row, or a tool that nobody called.
Result<RecordChat> chat_of_messages(std::string_view json, std::string_view field);

// Moves the thinking that stands in the assistant's words to ChatTurn::thinking, or with `drop`
// leaves all thinking out. Without the model's hook nothing moves. Errors: kCorrupt where nothing
// but thinking is there; those of the hook.
Status part_thinking(const ModelHooks& model, bool drop, RecordChat& chat);

}  // namespace coe
