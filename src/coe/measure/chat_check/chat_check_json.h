// A chat check as JSON, in NAME.chat.json and in packages: questions, answers and counts.
#pragma once

#include "coe/measure/chat_check/chat_check.h"

#include <nlohmann/json_fwd.hpp>

#include <string_view>

namespace coe {

inline constexpr std::string_view kChatCheckSchema = "coe.chat-check/1";

// The counts alone: n_question, n_answer, n_bad, n_thinks, n_markers, n_empty, n_loops, passed
// (null where nothing was asked) and not_run (null where something was).
nlohmann::ordered_json chat_counts_json(const ChatCheck& check);

// The counts, the engine, and `answers` with question, from_chat, thinking, content, n_token, ended
// and the faults.
nlohmann::ordered_json chat_check_json(const ChatCheck& check);

// Reads the same; the counts follow from the answers. Throws as the library does for a value that
// is missing or of the wrong type.
ChatCheck read_chat_check(const nlohmann::ordered_json& json);

}  // namespace coe
