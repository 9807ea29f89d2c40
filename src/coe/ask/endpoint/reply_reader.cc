#include "coe/ask/endpoint/reply_reader.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Json = nlohmann::json;

constexpr std::size_t kShown = 300;  // bytes of a server's words in a message of ours

auto bad_reply(std::string_view what) {
  return fail(Code::kEngine, fmt::format("the server's reply: {}", what));
}

// The member, or null where there is none, it is null, or `object` is no object.
const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Status append_text(const Json& object, const char* name, std::string& to) {
  const Json* value = member(object, name);
  if (value == nullptr) return {};
  if (!value->is_string())
    return bad_reply(fmt::format("`{}` is {}, not a string", name, value->type_name()));
  to += value->get_ref<const std::string&>();
  return {};
}

// Absent, too, for what is no count.
std::optional<std::uint64_t> count(const Json* object, const char* name) {
  return object == nullptr ? std::nullopt : unsigned_at(*object, name);
}

void take(std::optional<std::uint64_t>& to, std::optional<std::uint64_t> value) {
  if (value) to = value;
}

// Returns a message of one of the forms that servers report errors in, or nothing.
std::string message_in(const Json& document) {
  for (const char* name : {"error", "message", "detail"}) {
    const Json* value = member(document, name);
    if (value == nullptr) continue;
    if (value->is_string()) return value->get<std::string>();
    if (const Json* message = member(*value, "message"); message != nullptr && message->is_string())
      return message->get<std::string>();
    return json_text(*value);
  }
  return {};
}

Status read_message(const Json& message, ReplyDelta& delta, ReplySummary& summary) {
  if (!message.is_object())
    return bad_reply(fmt::format("a message is {}, not an object", message.type_name()));
  // Servers use these, in turn: llama-server, vLLM, LM Studio; vLLM, Ollama's /v1, OpenRouter;
  // Ollama. One of them only: some servers send two for the sake of old clients.
  for (const char* name : {"reasoning_content", "reasoning", "thinking"}) {
    COE_TRY_STATUS(append_text(message, name, delta.thinking));
    if (!delta.thinking.empty()) break;
  }
  COE_TRY_STATUS(append_text(message, "content", delta.content));
  if (!delta.thinking.empty()) summary.splits_thinking = true;
  return {};
}

void read_finish(const Json* reason, ReplySummary& summary) {
  summary.ended = true;
  if (reason != nullptr && reason->is_string())
    summary.cut = reason->get_ref<const std::string&>() == "length";
}

Status read_openai(const Json& document, ReplyDelta& delta, ReplySummary& summary) {
  if (const Json* usage = member(document, "usage")) {
    take(summary.n_token_prompt, count(usage, "prompt_tokens"));
    take(summary.n_token, count(usage, "completion_tokens"));
  } else if (const Json* timings = member(document, "timings")) {  // llama-server
    take(summary.n_token, count(timings, "predicted_n"));
    if (const auto n = count(timings, "prompt_n"))
      summary.n_token_prompt = *n + count(timings, "cache_n").value_or(0);
  }
  const Json* choices = member(document, "choices");
  if (choices == nullptr) return {};
  if (!choices->is_array())
    return bad_reply(fmt::format("`choices` is {}, not an array", choices->type_name()));
  if (choices->empty()) return {};
  const Json& choice = choices->front();
  for (const char* name : {"delta", "message"}) {
    if (const Json* message = member(choice, name))
      COE_TRY_STATUS(read_message(*message, delta, summary));
  }
  if (const Json* reason = member(choice, "finish_reason")) read_finish(reason, summary);
  return {};
}

Status read_ollama(const Json& document, ReplyDelta& delta, ReplySummary& summary) {
  if (const Json* message = member(document, "message"))
    COE_TRY_STATUS(read_message(*message, delta, summary));
  take(summary.n_token_prompt, count(&document, "prompt_eval_count"));
  take(summary.n_token, count(&document, "eval_count"));
  const Json* done = member(document, "done");
  if (done != nullptr && done->is_boolean() && done->get<bool>())
    read_finish(member(document, "done_reason"), summary);
  return {};
}

}  // namespace

ReplyReader::ReplyReader(Api api, Sink sink)
    : api_(api),
      sink_(std::move(sink)),
      payloads_(kMaxPayload, [this](std::string_view payload) { return on_payload(payload); }) {}

Status ReplyReader::feed(std::string_view bytes) {
  n_byte_ += bytes.size();
  if (n_byte_ > kMaxText) return bad_reply(fmt::format("more than {} bytes of it", kMaxText));
  return payloads_.feed(bytes);
}

Status ReplyReader::on_payload(std::string_view payload) {
  if (payload == "[DONE]") {
    summary_.ended = true;
    return {};
  }
  const Json document = parse_json<Json>(payload);
  if (!document.is_object())
    return bad_reply(fmt::format("`{}` is not a JSON object", printable(payload)));
  if (member(document, "error") != nullptr)
    return fail(Code::kEngine, fmt::format("the server says: {}", error_message(payload)));
  ReplyDelta delta;
  COE_TRY_STATUS(api_ == Api::kOllama ? read_ollama(document, delta, summary_)
                                      : read_openai(document, delta, summary_));
  if (delta.thinking.empty() && delta.content.empty()) return {};
  ++summary_.n_piece;
  return sink_(delta);
}

Status ReplyReader::finish() {
  COE_TRY_STATUS(payloads_.finish());
  if (!summary_.ended) return bad_reply("it breaks off before the answer is complete");
  return {};
}

std::string error_message(std::string_view body) {
  const Json document = parse_json<Json>(body);
  const std::string message = message_in(document);
  return printable(message.empty() ? body : std::string_view(message), kShown);
}

Result<std::vector<std::string>> parse_model_list(std::string_view body) {
  const Json document = parse_json<Json>(body);
  std::vector<std::string> names;
  for (const auto& [list, key] : {std::pair{"data", "id"}, std::pair{"models", "name"}}) {
    const Json* models = member(document, list);
    if (models == nullptr || !models->is_array()) continue;
    for (const auto& model : *models) {
      const Json* name = member(model, key);
      if (name != nullptr && name->is_string()) names.push_back(name->get<std::string>());
    }
    return names;
  }
  return bad_reply("it is no list of models");
}

}  // namespace coe
