// Chats as chat programs export them. ChatGPT's conversations.json has a conversation's messages as
// a tree of nodes in `mapping`, and `current_node` names the leaf that was on the screen last.
// Claude's has them as a list in `chat_messages`. Neither form is published; these are the fields
// that exports of 2023 to 2026 have.
#pragma once

#include "coe/base/result.h"
#include "coe/corpus/record_chat.h"

#include <nlohmann/json_fwd.hpp>

#include <string_view>

namespace coe {

inline constexpr std::string_view kChatGptField = "mapping";
inline constexpr std::string_view kClaudeField = "chat_messages";

// Both give what the user and the assistant said to each other on the branch that was on the screen
// last, and count what else there is in RecordChat::left_out: what is said to tools and by them,
// thoughts (programs show summaries of them), pictures and files, hidden messages, other branches.
// Words of one speaker in a row, between which tools worked, are one turn. Errors: kNotFound where
// nobody says anything; kCorrupt for a conversation of another form, and one whose messages go in a
// circle.
Result<RecordChat> chat_of_chatgpt(const nlohmann::json& conversation);
Result<RecordChat> chat_of_claude(const nlohmann::json& conversation);

}  // namespace coe
