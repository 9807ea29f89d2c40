#include "coe/college/serve/consult.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"

#include <fmt/format.h>

#include <utility>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::optional<std::string> consultation_of(std::string_view body) {
  auto json = parse_json<Json>(body);
  const auto messages = json.find("messages");
  if (messages == json.end() || !messages->is_array() || messages->empty()) return std::nullopt;
  for (const char* key : {"tools", "functions"}) {
    const auto found = json.find(key);
    if (found != json.end() && !found->is_null() && !found->empty()) return std::nullopt;
  }
  json["stream"] = false;
  json.erase("stream_options");
  return json_text(json);
}

Result<Opinion> read_opinion(std::string who, std::string_view reply) {
  const auto json = parse_json<Json>(reply);
  const auto bad = [&](std::string_view why) {
    return fail(Code::kEngine, fmt::format("{}: its answer {}: {}", who, why, printable(reply)));
  };
  if (json.is_discarded() || !json.is_object()) return bad("is no JSON");
  const auto choices = json.find("choices");
  if (choices == json.end() || !choices->is_array() || choices->empty() ||
      !choices->at(0).is_object())
    return bad("has no choices");
  const auto message = choices->at(0).find("message");
  if (message == choices->at(0).end() || !message->is_object()) return bad("has no message");
  const auto content = message->find("content");
  if (content == message->end() || !content->is_string()) return bad("has no text");
  Opinion out{.who = std::move(who), .answer = content->get<std::string>()};
  if (const auto usage = json.find("usage"); usage != json.end() && usage->is_object())
    out.n_token = unsigned_at(*usage, "total_tokens").value_or(0);
  return out;
}

std::string merging_body(std::string_view body, std::span<const Opinion> opinions) {
  auto json = parse_json<Json>(body);
  std::string text = "Others have answered this.\n";
  for (const auto& opinion : opinions)
    text += fmt::format("\nThe answer of `{}`:\n{}\n", opinion.who, opinion.answer);
  text +=
      "\nNow answer yourself. Take what is right in these answers, leave out what is wrong, and do "
      "not speak of them.";
  json["messages"].push_back({{"role", "user"}, {"content", std::move(text)}});
  return json_text(json);
}

}  // namespace coe
