#include "coe/corpus/message.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/search.h"
#include "coe/base/text.h"
#include "coe/base/tool_call.h"
#include "coe/corpus/hooks.h"
#include "coe/corpus/message/message_text.h"
#include "coe/corpus/message/thinking.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Json = nlohmann::json;

constexpr std::string_view kCallRole = "function_call";  // its content is the call

tl::unexpected<Error> bad(std::string what) {
  return fail(Code::kCorrupt, std::move(what), kMessageHint);
}

std::string kind_of(const Json& value) {
  if (value.is_null()) return "null";
  if (value.is_string()) return "a string";
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  return value.is_boolean() ? "true or false" : "a number";
}

// The names in an object, for messages.
std::string names_in(const Json& object) {
  std::vector<std::string> names;
  for (const auto& [name, value] : object.items()) names.push_back(printable(name, 30));
  constexpr std::size_t kMost = 8;
  const bool more = names.size() > kMost;
  if (more) names.resize(kMost);
  return names.empty() ? "it is empty"
                       : fmt::format("there are: {}{}", fmt::join(names, ", "), more ? ", …" : "");
}

const Json* find_any(const Json& object, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const auto found = object.find(name); found != object.end()) return &*found;
  }
  return nullptr;
}

std::string string_at(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

// Names of the speaker in published sets.
std::string_view role_of(std::string_view name) {
  struct Name {
    std::string_view name, role;
  };
  static constexpr std::array<Name, 19> kNames = {
      Name{"system", "system"},  {"developer", "system"},
      {"user", "user"},          {"human", "user"},
      {"prompter", "user"},      {"assistant", "assistant"},
      {"gpt", "assistant"},      {"chatgpt", "assistant"},
      {"model", "assistant"},    {"bot", "assistant"},
      {"ai", "assistant"},       {"tool", "tool"},
      {"function", "tool"},      {"observation", "tool"},
      {"tool_response", "tool"}, {"function_response", "tool"},
      {"ipython", "tool"},       {"function_call", kCallRole},
      {"tool_call", kCallRole}};
  const auto* const found =
      std::ranges::find_if(kNames, [&](const Name& known) { return known.name == name; });
  return found == kNames.end() ? std::string_view() : found->role;
}

void join(std::string& text, std::string_view more) {
  if (!text.empty() && !more.empty()) text += '\n';
  text += more;
}

// Adds a part of a content to the turn.
Status add_part(const Json& part, std::size_t number, ChatTurn& turn) {
  if (part.is_string()) {
    join(turn.content, part.get_ref<const std::string&>());
    return {};
  }
  if (!part.is_object())
    return bad(fmt::format("part {} of its content is {}", number, kind_of(part)));
  const std::string type = string_at(part, "type");
  const std::string text = string_at(part, "text");
  if (type == "thinking" || type == "reasoning") {
    const std::string thinking = string_at(part, "thinking");
    join(turn.thinking, thinking.empty() ? text : thinking);
    return {};
  }
  if (type.empty() || type == "text" || type == "input_text" || type == "output_text" ||
      type == "refusal") {
    const char* const field = type == "refusal" ? "refusal" : "text";
    if (part.contains(field) && part.at(field).is_string()) {
      join(turn.content, string_at(part, field));
      return {};
    }
    return bad(
        fmt::format("part {} of its content has no `{}` ({})", number, field, names_in(part)));
  }
  return fail(Code::kCorrupt,
              fmt::format("part {} of its content is of the type `{}`, not text", number,
                          printable(type, 30)),
              "only text can be profiled; other parts have no place in the model's template");
}

Status read_content(const Json& content, bool may_be_missing, ChatTurn& turn) {
  if (content.is_string()) {
    turn.content = content.get<std::string>();
    return {};
  }
  if (content.is_array()) {
    std::size_t number = 0;
    for (const auto& part : content) COE_TRY_STATUS(add_part(part, ++number, turn));
    return {};
  }
  if (content.is_null() && may_be_missing) return {};
  // What a tool gives may be any value.
  if (turn.role == "tool" && !content.is_null()) {
    turn.content = json_text(content);
    return {};
  }
  return bad(fmt::format("its content is {}", kind_of(content)));
}

// {"name", "arguments"}, with the arguments as an object or as its text.
Result<ToolCall> read_call(const Json& call) {
  if (!call.is_object()) return bad(fmt::format("a call of a tool is {}", kind_of(call)));
  const auto function = call.find("function");
  const Json& body = function != call.end() && function->is_object() ? *function : call;
  ToolCall out{string_at(body, "name"), {}, string_at(call, "id")};
  if (out.name.empty())
    return bad(fmt::format("a call of a tool has no `name` ({})", names_in(body)));
  const Json* arguments = find_any(body, {"arguments", "parameters"});
  if (arguments == nullptr || arguments->is_null())
    out.arguments = "{}";
  else
    out.arguments = arguments->is_string() ? arguments->get<std::string>() : json_text(*arguments);
  return out;
}

Status add_calls(const Json& calls, ChatTurn& turn) {
  if (calls.is_null()) return {};
  if (calls.is_object()) {
    COE_TRY(auto call, read_call(calls));
    turn.tool_calls.push_back(std::move(call));
    return {};
  }
  if (!calls.is_array()) return bad(fmt::format("its calls of tools are {}", kind_of(calls)));
  for (const auto& call : calls) {
    COE_TRY(auto read, read_call(call));
    turn.tool_calls.push_back(std::move(read));
  }
  return {};
}

// A content that is itself the call.
Status turn_into_call(ChatTurn& turn) {
  const Json call = parse_json<Json>(turn.content);
  if (call.is_discarded() || (!call.is_object() && !call.is_array()))
    return bad(fmt::format("its role is `{}`, but its content is no JSON of a call", kCallRole));
  turn.role = "assistant";
  turn.content.clear();
  return add_calls(call, turn);
}

// What cannot be read is no reason to leave the chat out: unknown_thinking_field() says it.
void read_thinking(const Json& message, ChatTurn& turn) {
  if (const auto thinking = read_thinking_text(message)) join(turn.thinking, thinking->text);
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

}  // namespace

Result<ChatTurn> read_message(const Json& message) {
  if (!message.is_object()) return bad(fmt::format("it is {}, not an object", kind_of(message)));
  const Json* name = find_any(message, {"role", "from"});
  if (name == nullptr)
    return bad(fmt::format("it has neither `role` nor `from` ({})", names_in(message)));
  if (!name->is_string()) return bad(fmt::format("its role is {}", kind_of(*name)));
  const std::string speaker = name->get<std::string>();
  ChatTurn turn{std::string(role_of(lower_ascii(speaker))), {}};
  if (turn.role.empty()) return bad(fmt::format("unknown role `{}`", printable(speaker, 30)));
  for (const char* field : {"tool_calls", "function_call"}) {
    if (turn.role != "assistant" || !message.contains(field)) continue;
    COE_TRY_STATUS(add_calls(message.at(field), turn));
  }
  const Json* content = find_any(message, {"content", "value", "text"});
  // OpenAI's servers send it in place of the content.
  const std::string refusal =
      turn.role == "assistant" ? string_at(message, "refusal") : std::string();
  const bool may_be_missing = !turn.tool_calls.empty() || !refusal.empty();
  if (content == nullptr && !may_be_missing)
    return bad(fmt::format("it has neither `content` nor `value` ({})", names_in(message)));
  if (content != nullptr) COE_TRY_STATUS(read_content(*content, may_be_missing, turn));
  join(turn.content, refusal);
  if (turn.role == kCallRole) COE_TRY_STATUS(turn_into_call(turn));
  if (turn.role == "assistant") read_thinking(message, turn);
  if (turn.role == "tool") {
    turn.tool_name = string_at(message, "name");
    turn.tool_call_id = string_at(message, "tool_call_id");
  }
  const bool may_be_empty = turn.role == "tool" || !turn.tool_calls.empty();
  if (!may_be_empty && is_blank(turn.content)) return bad("it is empty");
  return turn;
}

std::string unknown_thinking_field(const Json& message) {
  const auto known = read_thinking_text(message);
  if (!known) return known.error().message + ", which is left out";
  if (!known->unread.empty()) return known->unread + ", which is left out";
  if (!known->text.empty()) return {};
  for (const auto& [name, value] : message.items()) {
    const bool has_words = (value.is_string() && !value.get_ref<const std::string&>().empty()) ||
                           (value.is_array() && !value.empty());
    if (has_words && sounds_like_thinking(name) &&
        std::ranges::find(thinking_fields(), name) == thinking_fields().end())
      return fmt::format("the field `{}`, which coe does not know as thinking and leaves out",
                         printable(name, 40));
  }
  return {};
}

std::string_view tools_field(const Json& object) {
  for (const std::string_view field : {"tools", "functions"}) {
    const auto found = object.find(field);
    if (found == object.end()) continue;
    if (found->is_string()) {
      const auto text = trimmed(found->get_ref<const std::string&>());
      if ((text.starts_with('[') || text.starts_with('{')) &&
          text.find_first_not_of(" \t\r\n]}", 1) != std::string_view::npos)
        return field;
    } else if ((found->is_array() || found->is_object()) && !found->empty()) {
      return field;
    }
  }
  return {};
}

std::string unknown_thinking_tag(std::string_view content) {
  const std::string_view tag = thinking_tag(content);
  if (tag.empty()) return {};
  return fmt::format(
      "`{}` at its beginning, which coe does not know as thinking: it stays words of the answer",
      printable(tag));
}

}  // namespace coe
