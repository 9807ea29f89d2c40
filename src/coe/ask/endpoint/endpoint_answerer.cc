#include "coe/ask/endpoint/endpoint_answerer.h"

#include "coe/ask/endpoint/reply_reader.h"
#include "coe/base/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Clock = std::chrono::steady_clock;

Status wait(double seconds, Observer& observer) {
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (Clock::now() < end) {
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return {};
}

// Returns what a server's refusal asks of the user.
std::string hint_of(long status) {
  if (status == 401 || status == 403)
    return "does the server want a key? set COE_API_KEY, or name another variable with "
           "--api-key-env";
  if (status == 404) return "is --model a model of that server, and the address right?";
  return {};
}

// Collects an answer while it is streamed.
class Collector {
 public:
  Collector(Api api, const AnswerRequest& request)
      : request_(request),
        reader_(api, [this](const ReplyDelta& delta) { return on_delta(delta); }) {
    if (request.guard_loops) guard_.emplace(request.loop);
  }

  // Returns whether to go on.
  bool feed(std::string_view bytes) {
    if (auto status = reader_.feed(bytes); !status && !looped()) status_ = std::move(status);
    return status_.has_value() && !looped();
  }
  Status finish() {
    if (looped() || !status_) return status_;
    auto status = reader_.finish();  // may have held text back
    return looped() ? Status() : status;
  }
  bool looped() const { return guard_ && guard_->looped(); }
  bool watcher_failed() const { return watcher_failed_; }

  ChatAnswer answer(std::span<const ThinkingMarkers> markers) {
    const auto& summary = reader_.summary();
    ChatAnswer out;
    if (summary.splits_thinking) markers = {};  // what is left in the content is content
    auto split = split_thinking(content_, markers);
    out.content = std::move(split.content);
    out.thinking =
        summary.splits_thinking ? split_thinking(thinking_, {}).content : std::move(split.thinking);
    if (looped())
      out.end = AnswerEnd::kLoop;
    else if (summary.cut)
      out.end = AnswerEnd::kLength;
    else if (!summary.filter.empty())
      out.end = AnswerEnd::kFilter;
    out.filter = summary.filter;
    out.n_token_prompt = summary.n_token_prompt.value_or(0);
    out.n_token_known = summary.n_token.has_value();
    out.n_token = summary.n_token.value_or(summary.n_piece);
    return out;
  }

 private:
  Status on_delta(const ReplyDelta& delta) {
    thinking_ += delta.thinking;
    content_ += delta.content;
    for (const auto& piece : {delta.thinking, delta.content}) {
      if (guard_) guard_->feed(piece);
      if (!request_.on_text || piece.empty()) continue;
      if (auto status = request_.on_text(piece); !status) {
        watcher_failed_ = true;
        return status;
      }
    }
    return looped() ? Status(fail(Code::kEngine, "looped")) : Status();
  }

  const AnswerRequest& request_;
  std::optional<LoopGuard> guard_;
  std::string thinking_;
  std::string content_;
  bool watcher_failed_ = false;
  Status status_;
  ReplyReader reader_;
};

}  // namespace

EndpointAnswerer::EndpointAnswerer(const EndpointOptions& options, Address address)
    : options_(options), address_(std::move(address)) {
  if (options_.api == Api::kAuto) options_.api = address_.api;
}

Result<std::unique_ptr<EndpointAnswerer>> EndpointAnswerer::connect(const EndpointOptions& options,
                                                                    Observer& observer) {
  COE_TRY(auto address, parse_address(options.url));
  if (options.key.find_first_of("\r\n") != std::string::npos)
    return fail(Code::kInvalidArgument, "the API key holds a line break");
  std::unique_ptr<EndpointAnswerer> out(new EndpointAnswerer(options, std::move(address)));
  if (out->options_.api == Api::kAuto) {
    COE_TRY(out->options_.api, out->probe(observer));
  }
  auto& fields = out->fields_;
  fields.api = out->options_.api;
  fields.n_ctx = options.n_ctx;
  fields.model = options.model;
  if (fields.model.empty()) {
    COE_TRY(fields.model, out->only_model(observer));
  }
  out->info_ = {fields.model, fmt::format("{} ({})", out->address_.root, api_name(fields.api))};
  return out;
}

// Some servers quote the key that they refuse.
std::string EndpointAnswerer::without_key(std::string text) const {
  if (options_.key.empty()) return text;
  for (std::size_t at = text.find(options_.key); at != std::string::npos;
       at = text.find(options_.key, at))
    text.replace(at, options_.key.size(), "…");
  return text;
}

std::vector<std::string> EndpointAnswerer::headers() const {
  if (options_.key.empty()) return {};
  return {"Authorization: Bearer " + options_.key};
}

Result<HttpReply> EndpointAnswerer::get(const std::string& url, std::string& body,
                                        Observer& observer) const {
  const HttpRequest request = {url, headers(), std::nullopt};
  return http_exchange(
      request, options_.limits,
      [&](std::string_view bytes) {
        body += bytes;
        return body.size() <= ReplyReader::kMaxPayload;
      },
      observer);
}

// Ollama's own protocol where the server has it: only there can thinking be switched.
Result<Api> EndpointAnswerer::probe(Observer& observer) const {
  std::string body;
  COE_TRY(const auto reply, get(address_.ollama + "/version", body, observer));
  const bool is_ollama = reply.status == 200 && body.find("\"version\"") != std::string::npos;
  return is_ollama ? Api::kOllama : Api::kOpenAi;
}

Result<std::string> EndpointAnswerer::only_model(Observer& observer) const {
  const std::string url =
      options_.api == Api::kOllama ? address_.ollama + "/tags" : address_.openai + "/models";
  std::string body;
  COE_TRY(const auto reply, get(url, body, observer));
  if (reply.status != 200)
    return fail(Code::kEngine,
                fmt::format("{}: HTTP status {}: {}", url, reply.status,
                            without_key(error_message(reply.body))),
                reply.status == 401 || reply.status == 403 ? hint_of(reply.status)
                                                           : "name the model with --model");
  auto names = parse_model_list(body);
  if (!names) return tl::unexpected(std::move(names).error().context(url));
  if (names->size() == 1) return std::move(names->front());
  std::string list;
  constexpr std::size_t kShown = 10;
  for (std::size_t i = 0; i < std::min(names->size(), kShown); ++i)
    list += (i == 0 ? "" : ", ") + printable((*names)[i]);
  if (names->size() > kShown) list += ", …";
  return fail(Code::kInvalidArgument, fmt::format("{}: {} models", url, names->size()),
              list.empty() ? "name the model with --model" : "choose one with --model: " + list);
}

RequestOptions EndpointAnswerer::fields() const {
  const std::scoped_lock lock(mutex_);
  return fields_;
}

void EndpointAnswerer::leave_out(const std::vector<std::string>& fields, std::string_view message,
                                 Observer& observer) {
  for (const auto& field : fields) {
    {
      const std::scoped_lock lock(mutex_);
      if (!fields_.refused.insert(field).second) continue;
    }
    observer.warning(fmt::format("{} refuses the field `{}`, which is left out from here on: {}",
                                 address_.root, field, message));
  }
}

EndpointAnswerer::Failure EndpointAnswerer::refusal(const HttpReply& reply,
                                                    const RequestOptions& fields) const {
  const std::string words = without_key(error_message(reply.body));
  Failure out;
  out.error = {Code::kEngine,
               fmt::format("{}: HTTP status {}{}{}", address_.root, reply.status,
                           words.empty() ? "" : ": ", words),
               hint_of(reply.status)};
  out.transient = is_transient(reply.status);
  out.wait_seconds = reply.retry_after_seconds;
  if (reply.status == 400 || reply.status == 422) out.refused = refused_fields(fields, words);
  // llama-server's name of it; the interface's code for it.
  if (reply.status == 400 && reply.body.find("exceed_context_size") != std::string::npos)
    out.error.code = Code::kInvalidArgument;
  return out;
}

tl::expected<ChatAnswer, EndpointAnswerer::Failure> EndpointAnswerer::attempt(
    const AnswerRequest& request, const RequestOptions& fields, Observer& observer) const {
  const auto start = Clock::now();
  HttpRequest http;
  http.url = fields.api == Api::kOllama ? address_.ollama + "/chat"
                                        : address_.openai + "/chat/completions";
  http.headers = headers();
  http.body = chat_request(fields, request);
  Collector collector(fields.api, request);
  auto reply = http_exchange(
      http, options_.limits, [&](std::string_view bytes) { return collector.feed(bytes); },
      observer);
  if (!reply) {
    const bool again = reply.error().code == Code::kEngine;
    return tl::unexpected(Failure{std::move(reply).error(), again, {}, {}});
  }
  if (reply->status < 200 || reply->status >= 300) return tl::unexpected(refusal(*reply, fields));
  if (auto status = collector.finish(); !status) {
    auto error = std::move(status).error();
    if (!collector.watcher_failed()) {
      error.message = without_key(std::move(error.message));
      error = std::move(error).context(address_.root);
    }
    const bool again = error.code == Code::kEngine && !collector.watcher_failed();
    return tl::unexpected(Failure{std::move(error), again, {}, {}});
  }
  auto answer = collector.answer(options_.markers);
  answer.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return answer;
}

Result<ChatAnswer> EndpointAnswerer::answer(const AnswerRequest& request, Observer& observer) {
  Rng rng(request.sampling.seed);
  unsigned n_made = 0;
  while (true) {
    auto outcome = attempt(request, fields(), observer);
    if (outcome) return *std::move(outcome);
    auto& failure = outcome.error();
    if (!failure.refused.empty()) {  // fewer fields each time: this ends
      leave_out(failure.refused, failure.error.message, observer);
      continue;
    }
    ++n_made;
    const auto seconds = failure.transient
                             ? backoff_seconds(options_.retry, n_made, failure.wait_seconds, rng)
                             : std::nullopt;
    if (!seconds) {
      if (n_made > 1) failure.error.message += fmt::format(" (after {} attempts)", n_made);
      return tl::unexpected(std::move(failure.error));
    }
    COE_TRY_STATUS(wait(*seconds, observer));
  }
}

}  // namespace coe
