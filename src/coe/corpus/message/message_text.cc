#include "coe/corpus/message/message_text.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace coe {

namespace {

using Json = nlohmann::json;

auto bad_text(std::string message) { return fail(Code::kCorrupt, std::move(message)); }

const Json* member_of(const Json& object, std::string_view name) {
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// Text goes to `content`, that of parts that think to `thinking`; these may be the same.
Status add_text(const Json& value, std::string_view field, std::string& content,
                std::string& thinking);

Status add_list(const Json& list, std::string_view field, std::string& content,
                std::string& thinking) {
  for (const auto& part : list) {
    if (part.is_null()) continue;
    if (part.is_string()) {
      content += part.get_ref<const std::string&>();
      continue;
    }
    if (!part.is_object())
      return bad_text(fmt::format("a part of `{}` is {}, not text", field, part.type_name()));
    const Json* type = member_of(part, "type");
    const std::string kind =
        type != nullptr && type->is_string() ? type->get<std::string>() : std::string("text");
    const bool thinks = kind == "thinking" || kind == "reasoning";
    if (!thinks && kind != "text" && kind != "output_text" && kind != "input_text")
      return bad_text(fmt::format("a part of `{}` is of type `{}`", field, printable(kind)));
    const Json* text = thinks ? member_of(part, kind) : nullptr;
    if (text == nullptr) text = member_of(part, "text");
    if (text == nullptr) return bad_text(fmt::format("a part of `{}` has no text", field));
    COE_TRY_STATUS(add_text(*text, field, thinks ? thinking : content, thinking));
  }
  return {};
}

Status add_text(const Json& value, std::string_view field, std::string& content,
                std::string& thinking) {
  if (value.is_null()) return {};
  if (value.is_array()) return add_list(value, field, content, thinking);
  if (!value.is_string())
    return bad_text(fmt::format("`{}` is {}, not a string", field, value.type_name()));
  content += value.get_ref<const std::string&>();
  return {};
}

}  // namespace

Result<MessageText> read_message_text(const Json& message) {
  if (!message.is_object())
    return bad_text(fmt::format("a message is {}, not an object", message.type_name()));
  MessageText out;
  // Servers use these, in turn: llama-server, vLLM, LM Studio; vLLM, Ollama's /v1, OpenRouter;
  // Ollama. One of them only: some servers send two for the sake of old clients.
  for (const std::string_view name : {"reasoning_content", "reasoning", "thinking"}) {
    if (const Json* value = member_of(message, name))
      COE_TRY_STATUS(add_text(*value, name, out.thinking, out.thinking));
    if (!out.thinking.empty()) break;
  }
  std::string thought;
  if (const Json* content = member_of(message, "content"))
    COE_TRY_STATUS(add_text(*content, "content", out.content, thought));
  if (out.thinking.empty()) out.thinking = std::move(thought);
  return out;
}

ThinkingSplit split_message(const MessageText& text, std::span<const ThinkingMarkers> markers) {
  const bool apart = text.thinking.find_first_not_of(" \t\r\n") != std::string::npos;
  if (!apart) return split_thinking(text.content, markers);
  auto out = split_thinking(text.content, {});
  out.thinking = split_thinking(text.thinking, {}).content;
  return out;
}

}  // namespace coe
