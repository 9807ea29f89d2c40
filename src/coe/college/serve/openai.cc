#include "coe/college/serve/openai.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"

#include <fmt/format.h>

#include <utility>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

auto bad_request(std::string message) { return fail(Code::kInvalidArgument, std::move(message)); }

// Content is a text, null, or a list of parts of which those of type "text" have one.
Result<std::string> content_text(const Json& content) {
  if (content.is_null()) return std::string();
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) return bad_request("`content` of a message is neither text nor a list");
  std::string text;
  for (const auto& part : content) {
    const auto found = part.is_object() ? part.find("text") : part.end();
    if (!part.is_object() || found == part.end() || !found->is_string()) continue;
    if (!text.empty()) text += '\n';
    text += found->get<std::string>();
  }
  return text;
}

Result<std::vector<std::string>> messages_of_user(const Json& messages) {
  if (!messages.is_array()) return bad_request("`messages` is no list");
  std::vector<std::string> turns;
  for (const auto& message : messages) {
    if (!message.is_object()) return bad_request("`messages` holds something that is no object");
    const auto role = message.find("role");
    if (role == message.end() || !role->is_string()) return bad_request("a message has no `role`");
    const auto content = message.find("content");
    if (*role != "user" || content == message.end()) continue;
    COE_TRY(auto text, content_text(*content));
    turns.push_back(std::move(text));
  }
  return turns;
}

// A prompt is a text, a list of texts, or tokens, of which no text is known.
Result<std::vector<std::string>> prompts(const Json& prompt) {
  if (prompt.is_string()) return std::vector{prompt.get<std::string>()};
  if (!prompt.is_array()) return bad_request("`prompt` is neither text nor a list");
  std::string text;
  for (const auto& part : prompt)
    if (part.is_string()) text += part.get<std::string>() + "\n";
  return std::vector{std::move(text)};
}

std::string_view type_of(unsigned status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 429:
      return "rate_limit_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

}  // namespace

Result<ModelRequest> read_model_request(std::string_view body) {
  const auto json = parse_json<Json>(body);
  if (json.is_discarded()) return bad_request("the body is not valid JSON");
  if (!json.is_object()) return bad_request("the body is no JSON object");
  ModelRequest request;
  if (const auto model = json.find("model"); model != json.end() && !model->is_null()) {
    if (!model->is_string()) return bad_request("`model` is no text");
    request.model = model->get<std::string>();
  }
  if (const auto stream = json.find("stream"); stream != json.end() && stream->is_boolean())
    request.stream = stream->get<bool>();
  if (const auto messages = json.find("messages"); messages != json.end()) {
    COE_TRY(request.user_turns, messages_of_user(*messages));
  } else if (const auto prompt = json.find("prompt"); prompt != json.end() && !prompt->is_null()) {
    COE_TRY(request.user_turns, prompts(*prompt));
  }
  return request;
}

std::string with_model(std::string_view body, std::string_view model) {
  auto json = parse_json<Json>(body);
  json["model"] = model;
  return json_text(json);
}

std::string openai_error(unsigned status, std::string_view code, std::string_view message) {
  Json json;
  json["error"] = {
      {"message", message}, {"type", type_of(status)}, {"code", code}, {"param", nullptr}};
  return json_text(json);
}

ServedReply error_reply(unsigned status, std::string_view code, std::string_view message) {
  return {.status = status,
          .headers = {{"content-type", "application/json; charset=utf-8"}},
          .body = openai_error(status, code, message)};
}

std::string error_event(std::string_view code, std::string_view message) {
  return fmt::format("data: {}\n\n", openai_error(500, code, message));
}

}  // namespace coe
