#include "coe/corpus/record_chat.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/corpus/chat_export.h"
#include "coe/corpus/hooks.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/message.h"
#include "coe/corpus/spec.h"
#include "coe/corpus/text_spec.h"

#include <fmt/format.h>

#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

using Json = nlohmann::json;

// The text, empty when a field that it needs is missing, null or empty.
Result<std::string> optional_text(const std::optional<TextSpec>& spec,
                                  const std::vector<JsonMember>& members) {
  if (!spec) return std::string();
  for (const auto& field : spec->fields()) {
    const auto* member = find_member(members, field);
    if (member == nullptr || member->kind == JsonMember::Kind::kNull ||
        (member->kind == JsonMember::Kind::kString && member->text.empty()))
      return std::string();
  }
  return spec->render(members);
}

Status add_required(std::vector<ChatTurn>& turns, const char* role, const TextSpec& spec,
                    const std::vector<JsonMember>& members, std::string thinking) {
  COE_TRY(std::string text, spec.render(members));
  if (text.empty())
    return fail(Code::kCorrupt, fmt::format("what the {} says is empty", role),
                "leave such records out with a filter, or choose other fields");
  turns.push_back({role, std::move(text), std::move(thinking)});
  return {};
}

tl::unexpected<Error> bad_message(std::size_t index, std::string_view what) {
  return fail(Code::kCorrupt, fmt::format("message {}: {}", index + 1, what), kMessageHint);
}

// Says why `turn` cannot stand behind those before; empty when it can.
std::string wrong_place(const std::vector<ChatTurn>& before, const ChatTurn& turn) {
  const std::string_view last = before.empty() ? "" : std::string_view(before.back().role);
  if (turn.role == "system" && !before.empty()) return "system words must come first";
  if (turn.role == "tool") {
    const bool called = last == "tool" || (!before.empty() && !before.back().tool_calls.empty());
    return called ? "" : "a tool answers, but no call of one stands before";
  }
  if (last == turn.role) return fmt::format("two turns of the {} in a row", turn.role);
  if (turn.role == "assistant" && last != "user" && last != "tool")
    return "the assistant answers nobody";
  return {};
}

// System words that stand beside the list of messages.
Status add_system(const Json& record, std::vector<ChatTurn>& turns) {
  const auto found = record.find("system");
  if (found == record.end() || !found->is_string()) return {};
  auto words = found->get<std::string>();
  if (words.find_first_not_of(" \t\r\n") == std::string::npos) return {};
  if (turns.empty() || turns.front().role != "system")
    turns.insert(turns.begin(), ChatTurn{"system", std::move(words)});
  else if (turns.front().content != words)
    return fail(Code::kCorrupt, "the field `system` and the first message are different words");
  return {};
}

// The list in `value`, or in the string that it is.
Result<Json> list_of(const Json& value, std::string_view field) {
  if (value.is_array()) return value;
  const std::string name = printable(field);
  if (!value.is_string())
    return fail(Code::kCorrupt, fmt::format("field `{}` is no list of messages", name),
                kMessageHint);
  Json list = parse_json<Json>(value.get_ref<const std::string&>());
  if (list.is_array()) return list;
  return fail(Code::kCorrupt,
              fmt::format("field `{}` is a string that holds no list of messages as JSON", name),
              kMessageHint);
}

Result<RecordChat> read_list(const Json& list, std::string_view field) {
  RecordChat out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto turn = read_message(list[i]);
    if (!turn)
      return tl::unexpected(std::move(turn).error().context(fmt::format("message {}", i + 1)));
    if (const std::string problem = wrong_place(out.turns, *turn); !problem.empty())
      return bad_message(i, problem);
    if (turn->role == "assistant" && out.unknown_thinking.empty())
      out.unknown_thinking = unknown_thinking_field(list[i]);
    if (out.tools.empty()) out.tools = tools_field(list[i]);
    out.turns.push_back(*std::move(turn));
  }
  if (out.turns.empty() || (out.turns.size() == 1 && out.turns.front().role == "system"))
    return fail(Code::kCorrupt, fmt::format("field `{}` has no words of a user", printable(field)),
                kMessageHint);
  return out;
}

Result<RecordChat> read_chat(const Json& record, std::string_view field) {
  if (record.is_array()) return read_list(record, field);
  const auto found = record.find(field);
  if (found == record.end())
    return fail(Code::kCorrupt, fmt::format("no field `{}`", printable(field)), kMessageHint);
  if (field == kChatGptField && found->is_object()) return chat_of_chatgpt(record);
  if (field == kClaudeField) return chat_of_claude(record);
  COE_TRY(const Json list, list_of(*found, field));
  COE_TRY(auto out, read_list(list, field));
  COE_TRY_STATUS(add_system(record, out.turns));
  if (const auto tools = tools_field(record); !tools.empty()) out.tools = tools;
  return out;
}

// Adds what the words of a turn held of thinking.
void add_thinking(std::string& thinking, std::string_view more) {
  if (more.empty() || thinking.find(more) != std::string::npos) return;
  if (!thinking.empty()) thinking += '\n';
  thinking += more;
}

}  // namespace

Result<RecordChat> chat_of_fields(const ChatSpec& spec, const std::vector<JsonMember>& members) {
  RecordChat chat;
  auto& out = chat.turns;
  COE_TRY(std::string system, optional_text(spec.system, members));
  if (!system.empty()) out.push_back({"system", std::move(system), {}});
  if (spec.user) COE_TRY_STATUS(add_required(out, "user", *spec.user, members, {}));
  if (!spec.assistant) return chat;
  COE_TRY(std::string thinking, optional_text(spec.thinking, members));
  COE_TRY_STATUS(add_required(out, "assistant", *spec.assistant, members, std::move(thinking)));
  return chat;
}

Result<RecordChat> chat_of_messages(std::string_view json, std::string_view field) {
  // Bytes and syntax are judged as everywhere.
  if (!json.starts_with('[')) COE_TRY_STATUS(parse_json_line(json).map([](auto&&) {}));
  const Json record = parse_json<Json>(json);
  if (record.is_discarded())
    return fail(Code::kCorrupt, "the record is no JSON of messages", kMessageHint);
  try {
    return read_chat(record, field);
  } catch (const std::exception& error) {
    return fail(Code::kInternal, fmt::format("the JSON reader threw: {}", error.what()));
  }
}

Status part_thinking(const ModelHooks& model, bool drop, RecordChat& chat) {
  for (auto& turn : chat.turns) {
    if (turn.role != "assistant") continue;
    if (model.split_thinking) {
      COE_TRY(auto parts, model.split_thinking(turn.content));
      add_thinking(turn.thinking, parts.thinking);
      turn.content = std::move(parts.content);
    }
    if (drop) turn.thinking.clear();
    if (turn.content.empty() && turn.tool_calls.empty())
      return fail(Code::kCorrupt, "the assistant thinks, but does not answer",
                  "such answers were cut off before their end");
    if (chat.unknown_thinking.empty()) chat.unknown_thinking = unknown_thinking_tag(turn.content);
  }
  return {};
}

}  // namespace coe
