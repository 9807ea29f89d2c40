#include "coe/ask/endpoint/reply_reader.h"

#include "coe/ask/endpoint/ending.h"
#include "coe/ask/endpoint/secret.h"
#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/text.h"
#include "coe/base/whole_characters.h"
#include "coe/corpus/message/message_text.h"

#include <fmt/format.h>

#include <algorithm>
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

constexpr std::size_t kHead = 128;
constexpr std::string_view kPage = "an HTML page";
constexpr std::size_t kShown = 300;  // bytes of a server's words in a message of ours
// No answer has as many tokens: some servers send 2^64 - 1 for "unknown".
constexpr std::uint64_t kMostTokens = 1'000'000'000;

auto bad_reply(std::string_view what) {
  return fail(Code::kEngine, fmt::format("the server's reply: {}", what));
}

// The member, or null where there is none, it is null, or `object` is no
// object.
const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

// Absent, too, for what is no count of tokens.
std::optional<std::uint64_t> count(const Json* object, const char* name) {
  const auto n = object == nullptr ? std::nullopt : unsigned_at(*object, name);
  return n && *n <= kMostTokens ? n : std::nullopt;
}

void take(std::optional<std::uint64_t>& to, std::optional<std::uint64_t> value) {
  if (value) to = value;
}

std::string shown(std::string_view words, std::string_view secret) {
  return printable(redacted(std::string(words), secret), kShown);
}

// Returns a message of one of the forms that servers report errors in, or
// nothing.
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

// Some servers send an empty `error` with all that they say.
bool reports_error(const Json& object) {
  const Json* error = member(object, "error");
  if (error == nullptr) return false;
  if (error->is_boolean()) return error->get<bool>();
  if (error->is_string()) return !error->get_ref<const std::string&>().empty();
  return !error->empty();
}

// Events that keep a connection alive, or end the stream, say nothing of the
// answer.
bool says_nothing(std::string_view payload) {
  std::string word;
  for (const char c : payload.substr(0, 2 * kShown))
    if (std::string_view(" \t\r\n\"").find(c) == std::string_view::npos) word += c;
  word = lower_ascii(word);
  static constexpr std::array<std::string_view, 7> kWords = {
      "", "[done]", "null", "ping", "keepalive", "keep-alive", "heartbeat"};
  return word.starts_with(':') || std::ranges::find(kWords, word) != kWords.end();
}

Result<ReplyDelta> read_message(const Json& message, ReplySummary& summary) {
  auto text = read_message_text(message);
  if (!text) return bad_reply(text.error().message);
  if (!text->unread.empty()) summary.unread = std::move(text->unread);
  return ReplyDelta{std::move(text->thinking), std::move(text->content)};
}

bool has_text(const ReplyDelta& delta) { return !delta.thinking.empty() || !delta.content.empty(); }

// Returns what is new in one payload's text. Without pieces, messages are the
// pieces.
Result<std::string> new_text(TextJoiner& joiner, std::string_view piece, std::string_view whole,
                             bool has_pieces) {
  if (piece.empty()) return has_pieces ? joiner.add_whole(whole) : joiner.add(whole);
  COE_TRY(auto added, joiner.add(piece));
  if (!whole.empty()) COE_TRY_STATUS(joiner.check_beside(whole, piece));
  return added;
}

// An empty reason is none: some servers send it with every piece.
Status read_finish(const Json* reason, std::string_view secret, ReplySummary& summary) {
  if (reason == nullptr) return {};
  if (!reason->is_string())
    return bad_reply(
        fmt::format("the reason for the answer's end is {}, not a string", reason->type_name()));
  const auto& word = reason->get_ref<const std::string&>();
  if (word.empty()) return {};
  const Ending ending = ending_of(word);
  if (ending == Ending::kUnknown)
    return bad_reply(
        fmt::format("the answer ends by `{}`, not by itself", printable(redacted(word, secret))));
  summary.ended = true;
  summary.cut = summary.cut || ending == Ending::kCut;
  if (ending == Ending::kFilter) summary.filter = word;
  return {};
}

void read_counts(const Json& document, ReplySummary& summary) {
  if (const Json* usage = member(document, "usage")) {
    take(summary.n_token_prompt, count(usage, "prompt_tokens"));
    take(summary.n_token, count(usage, "completion_tokens"));
  } else if (const Json* timings = member(document, "timings")) {  // llama-server
    take(summary.n_token, count(timings, "predicted_n"));
    if (const auto n = count(timings, "prompt_n"))
      summary.n_token_prompt = *n + count(timings, "cache_n").value_or(0);
  }
}

}  // namespace

ReplyReader::ReplyReader(Api api, Sink sink, std::string_view secret)
    : api_(api),
      sink_(std::move(sink)),
      secret_(secret),
      payloads_(kMaxPayload, [this](std::string_view payload) { return on_payload(payload); }) {}

Status ReplyReader::feed(std::string_view bytes) {
  if (head_.size() < kHead) head_ += bytes.substr(0, kHead - head_.size());
  n_byte_ += bytes.size();
  if (n_byte_ > kMaxText)
    return fail(Code::kCorrupt, fmt::format("the server sends more than {} bytes", kMaxText));
  return payloads_.feed(bytes);
}

Status ReplyReader::server_says(const Json& object) const {
  return fail(Code::kEngine,
              fmt::format("the server says: {}", shown(message_in(object), secret_)));
}

Status ReplyReader::read_openai(const Json& document, News& news) {
  read_counts(document, summary_);
  const Json* choices = member(document, "choices");
  if (choices == nullptr) return {};
  if (!choices->is_array())
    return bad_reply(fmt::format("`choices` is {}, not an array", choices->type_name()));
  if (choices->empty()) return {};
  const Json& choice = choices->front();
  // One answer was asked for; a second one is not the first one's rest.
  if (const auto index = count(&choice, "index"); index && *index > 0) return {};
  if (reports_error(choice)) return server_says(choice);
  for (const auto& [name, text] :
       {std::pair{"delta", &news.piece}, std::pair{"message", &news.whole}}) {
    const Json* message = member(choice, name);
    if (message == nullptr) continue;
    if (reports_error(*message)) return server_says(*message);
    COE_TRY(*text, read_message(*message, summary_));
  }
  return read_finish(member(choice, "finish_reason"), secret_, summary_);
}

Status ReplyReader::read_ollama(const Json& document, News& news) {
  if (const Json* message = member(document, "message")) {
    COE_TRY(news.whole, read_message(*message, summary_));
  }
  take(summary_.n_token_prompt, count(&document, "prompt_eval_count"));
  take(summary_.n_token, count(&document, "eval_count"));
  const Json* done = member(document, "done");
  if (done == nullptr || !done->is_boolean() || !done->get<bool>()) return {};
  return read_finish(member(document, "done_reason"), secret_, summary_);
}

Status ReplyReader::on_payload(std::string_view payload) {
  if (says_nothing(payload)) return {};
  if (nests_too_deep(payload))
    return bad_reply(fmt::format("it has more than {} levels of brackets", kMaxJsonDepth));
  Json document = parse_json<Json>(payload);
  if (document.is_discarded()) {
    const auto [text, n_replaced] = whole_characters(payload);
    document = parse_json<Json>(text);
    summary_.n_replaced += n_replaced;
  }
  if (!document.is_object())
    return bad_reply(fmt::format("`{}` is not a JSON object",
                                 printable(redacted(std::string(payload), secret_))));
  if (reports_error(document)) return server_says(document);
  News news;
  COE_TRY_STATUS(api_ == Api::kOllama ? read_ollama(document, news) : read_openai(document, news));
  const auto& [piece, whole] = news;
  if (!has_text(piece) && !has_text(whole)) return {};
  has_pieces_ = has_pieces_ || has_text(piece);
  ++summary_.n_piece;
  ReplyDelta delta;
  COE_TRY(delta.thinking, new_text(thinking_, piece.thinking, whole.thinking, has_pieces_));
  COE_TRY(delta.content, new_text(content_, piece.content, whole.content, has_pieces_));
  return pass_on(std::move(delta));
}

Status ReplyReader::pass_on(ReplyDelta delta) { return has_text(delta) ? sink_(delta) : Status(); }

Status ReplyReader::finish() {
  COE_TRY_STATUS(payloads_.finish());
  COE_TRY_STATUS(pass_on({thinking_.finish(), content_.finish()}));
  if (!summary_.ended && is_page()) return bad_reply(kPage);
  if (!summary_.ended)
    return bad_reply(
        "it breaks off before the answer is complete, or does not "
        "say why it ends");
  // Some servers count nothing, and say 0.
  if (summary_.n_piece > 0 && summary_.n_token == 0U) summary_.n_token.reset();
  return {};
}

bool is_html(std::string_view body) {
  const auto first = body.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  if (first == std::string_view::npos) return false;
  const auto head = lower_ascii(body.substr(first, 14));
  return head.starts_with("<!doctype html") || head.starts_with("<html");
}

std::string error_message(std::string_view body, std::string_view secret) {
  if (is_html(body)) return std::string(kPage);
  const std::string message = message_in(parse_json<Json>(body));
  return shown(message.empty() ? body : std::string_view(message), secret);
}

bool is_ollama_version(std::string_view body) {
  const Json document = parse_json<Json>(body);
  const Json* version = member(document, "version");
  return version != nullptr && version->is_string();
}

bool is_ollama_list(std::string_view body) {
  const Json document = parse_json<Json>(body);
  const Json* models = member(document, "models");
  return models != nullptr && models->is_array() && member(document, "data") == nullptr;
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
  return bad_reply(is_html(body) ? kPage : "it is no list of models");
}

}  // namespace coe
