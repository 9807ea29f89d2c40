#include "coe/corpus/record_chat.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/corpus/hooks.h"
#include "coe/corpus/json_line.h"
#include "coe/corpus/spec.h"
#include "coe/corpus/text_spec.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
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

constexpr std::string_view kHint =
    R"(messages are objects such as {"role": "user", "content": "…"} or {"from": "human", "value": "…"})";

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

// Names of the speaker in published sets.
std::optional<std::string> role_of(std::string_view name) {
  struct Name {
    std::string_view name;
    std::string_view role;
  };
  static constexpr std::array<Name, 7> kNames = {
      Name{"system", "system"},   {"user", "user"},     {"human", "user"},
      {"assistant", "assistant"}, {"gpt", "assistant"}, {"model", "assistant"},
      {"bot", "assistant"}};
  const auto* const found = std::find_if(kNames.begin(), kNames.end(),
                                         [&](const Name& known) { return known.name == name; });
  if (found == kNames.end()) return std::nullopt;
  return std::string(found->role);
}

std::optional<std::string> string_of(const Json& message, const char* field) {
  const auto found = message.find(field);
  if (found == message.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

tl::unexpected<Error> bad_message(std::size_t index, std::string_view what) {
  return fail(Code::kCorrupt, fmt::format("message {}: {}", index + 1, what), std::string(kHint));
}

Result<ChatTurn> turn_of(const Json& message, std::size_t index) {
  if (!message.is_object()) return bad_message(index, "it is no object");
  auto name = string_of(message, "role");
  auto content = string_of(message, "content");
  if (!name) {
    name = string_of(message, "from");
    content = string_of(message, "value");
  }
  if (!name || !content) return bad_message(index, "it lacks `role` and `content`");
  const auto role = role_of(*name);
  if (!role) return bad_message(index, fmt::format("unknown role `{}`", printable(*name)));
  ChatTurn out{*role, *std::move(content), {}};
  if (out.content.empty()) return bad_message(index, "it is empty");
  if (out.role != "assistant") return out;
  auto thinking = string_of(message, "thinking");
  if (!thinking) thinking = string_of(message, "reasoning_content");
  out.thinking = std::move(thinking).value_or("");
  return out;
}

Result<std::vector<ChatTurn>> turns_of(const Json& object, std::string_view field) {
  const auto found = object.find(field);
  if (found == object.end() || !found->is_array())
    return fail(Code::kCorrupt, fmt::format("field `{}` is no list of messages", printable(field)),
                std::string(kHint));
  std::vector<ChatTurn> out;
  for (const auto& message : *found) {
    COE_TRY(ChatTurn turn, turn_of(message, out.size()));
    const bool is_system = turn.role == "system";
    if (is_system && !out.empty()) return bad_message(out.size(), "system words must come first");
    if (!out.empty() && out.back().role == turn.role)
      return bad_message(out.size(), fmt::format("two turns of the {} in a row", turn.role));
    if (turn.role == "assistant" && (out.empty() || out.back().role != "user"))
      return bad_message(out.size(), "the assistant answers nobody");
    out.push_back(std::move(turn));
  }
  if (out.empty() || (out.size() == 1 && out.front().role == "system"))
    return fail(Code::kCorrupt, fmt::format("field `{}` has no words of a user", printable(field)),
                std::string(kHint));
  return out;
}

}  // namespace

Result<std::vector<ChatTurn>> chat_of_fields(const ChatSpec& spec,
                                             const std::vector<JsonMember>& members) {
  std::vector<ChatTurn> out;
  COE_TRY(std::string system, optional_text(spec.system, members));
  if (!system.empty()) out.push_back({"system", std::move(system), {}});
  if (spec.user) COE_TRY_STATUS(add_required(out, "user", *spec.user, members, {}));
  if (!spec.assistant) return out;
  COE_TRY(std::string thinking, optional_text(spec.thinking, members));
  COE_TRY_STATUS(add_required(out, "assistant", *spec.assistant, members, std::move(thinking)));
  return out;
}

Result<std::vector<ChatTurn>> chat_of_messages(std::string_view json, std::string_view field) {
  // Bytes and syntax are judged as everywhere.
  COE_TRY_STATUS(parse_json_line(json).map([](auto&&) {}));
  try {
    return turns_of(parse_json_or_throw<Json>(json), field);
  } catch (const std::exception& error) {
    return fail(Code::kInternal, fmt::format("the JSON reader threw: {}", error.what()));
  }
}

}  // namespace coe
