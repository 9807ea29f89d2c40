#include "coe/corpus/message/message_text.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"

#include <fmt/format.h>

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Json = nlohmann::json;

constexpr std::string_view kRefusal = "refusal";
constexpr std::string_view kDetails = "reasoning_details";

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
    const bool refuses = kind == kRefusal;
    if (!thinks && !refuses && kind != "text" && kind != "output_text" && kind != "input_text")
      return bad_text(fmt::format("a part of `{}` is of type `{}`", field, printable(kind)));
    const Json* text = thinks || refuses ? member_of(part, kind) : nullptr;
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

// OpenRouter's: parts of the types reasoning.text, reasoning.summary and reasoning.encrypted.
Status add_details(const Json& details, ThinkingText& out) {
  if (!details.is_array())
    return bad_text(fmt::format("`{}` is {}, not a list", kDetails, details.type_name()));
  for (const auto& part : details) {
    if (!part.is_object())
      return bad_text(
          fmt::format("a part of `{}` is {}, not an object", kDetails, part.type_name()));
    const Json* type = member_of(part, "type");
    const std::string kind =
        type != nullptr && type->is_string() ? type->get<std::string>() : std::string();
    if (kind == "reasoning.encrypted") {
      out.unread = fmt::format("encrypted thinking in `{}`", kDetails);
    } else if (kind == "reasoning.text" || kind == "reasoning.summary") {
      // A piece of a stream may bring a signature and no text.
      if (const Json* text = member_of(part, kind.substr(kind.find('.') + 1)))
        COE_TRY_STATUS(add_text(*text, kDetails, out.text, out.text));
    } else if (kind.empty()) {
      out.unread = fmt::format("a part of `{}` without a type", kDetails);
    } else {
      out.unread = fmt::format("a part of `{}` of the type `{}`", kDetails, printable(kind, 40));
    }
  }
  return {};
}

}  // namespace

const std::vector<std::string_view>& thinking_fields() {
  // Servers use these, in turn: llama-server, vLLM, LM Studio; vLLM, Ollama's /v1, OpenRouter;
  // Ollama; OpenRouter beside the second, or alone.
  static const std::vector<std::string_view> fields = {"reasoning_content", "reasoning", "thinking",
                                                       kDetails};
  return fields;
}

Result<ThinkingText> read_thinking_text(const Json& message) {
  ThinkingText out;
  // One of them only: some servers send two for the sake of old clients.
  for (const auto name : thinking_fields()) {
    if (!out.text.empty()) break;
    const Json* value = member_of(message, name);
    if (value == nullptr) continue;
    COE_TRY_STATUS(name == kDetails ? add_details(*value, out)
                                    : add_text(*value, name, out.text, out.text));
  }
  return out;
}

Result<MessageText> read_message_text(const Json& message) {
  if (!message.is_object())
    return bad_text(fmt::format("a message is {}, not an object", message.type_name()));
  MessageText out;
  COE_TRY(auto thinking, read_thinking_text(message));
  out.thinking = std::move(thinking.text);
  out.unread = std::move(thinking.unread);
  std::string thought;
  if (const Json* content = member_of(message, "content"))
    COE_TRY_STATUS(add_text(*content, "content", out.content, thought));
  if (out.thinking.empty()) out.thinking = std::move(thought);
  if (const Json* refusal = member_of(message, kRefusal)) {
    std::string words;
    COE_TRY_STATUS(add_text(*refusal, kRefusal, words, words));
    if (!out.content.empty() && !words.empty()) out.content += '\n';
    out.content += words;
  }
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
