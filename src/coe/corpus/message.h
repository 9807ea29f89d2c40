// One message of a chat as sets publish it becomes a turn. It is private to corpus/.
#pragma once

#include "coe/base/json.h"
#include "coe/base/result.h"
#include "coe/corpus/hooks.h"

#include <string>
#include <string_view>

namespace coe {

// Words of an error that helps with any message.
inline constexpr const char* kMessageHint =
    R"(messages are objects such as {"role": "user", "content": "…"} or {"from": "human", "value": "…"})";

// `message` is an object with `role` and `content`, or `from` and `value`. Names of roles count in
// any case, and developer, human, gpt, function_call, observation and the like are those of
// ChatTurn. The content is a string or a list of text parts, which a newline joins; beside calls
// of tools, or a `refusal`, which is then the content, it may be null. Of an assistant also
// thinking, as read_thinking_text() reads it for servers. Errors: kCorrupt, saying what is there
// instead.
Result<ChatTurn> read_message(const nlohmann::json& message);

// Thinking that cannot be read, and words that look like thinking and that nothing here knows as
// such, as what they are and what becomes of them: "encrypted thinking in `reasoning_details`,
// which is left out". Empty when there are none.
std::string unknown_thinking_field(const nlohmann::json& message);
std::string unknown_thinking_tag(std::string_view content);

// The field in which a record, or a message of one, declares tools: "tools" or "functions", where
// it holds any (a list, an object, or either as a string). Empty where it declares none.
std::string_view tools_field(const nlohmann::json& object);

}  // namespace coe
