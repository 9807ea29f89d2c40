#include "coe/ask/endpoint/endpoint_answerer.h"

#include "coe/ask/endpoint/answer_collector.h"
#include "coe/ask/endpoint/reply_reader.h"
#include "coe/ask/endpoint/secret.h"
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

constexpr const char* kPageHint = "is this the address of its API?";
constexpr std::size_t kMostMarkers = 16;   // that are warned of
constexpr double kMostListSeconds = 60.0;  // for a list of models

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
    return "does the server want a key? set COE_API_KEY, or name another "
           "variable with "
           "--api-key-env";
  if (status == 404 || status == 405)
    return "is --model a model of that server? if its paths have another form, give the whole "
           "address, up to …/chat/completions";
  return {};
}

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
  out->info_ = {redacted(fields.model, options.key),
                fmt::format("{} ({})", out->address_.root, api_name(fields.api))};
  return out;
}

std::vector<std::string> EndpointAnswerer::headers() const {
  if (options_.key.empty()) return {};
  return {"Authorization: Bearer " + options_.key};
}

Result<HttpReply> EndpointAnswerer::get(const std::string& url, Observer& observer) {
  const HttpRequest request = {url, headers(), std::nullopt};
  auto limits = options_.limits;
  if (limits.total_seconds <= 0.0 || limits.total_seconds > kMostListSeconds)
    limits.total_seconds = kMostListSeconds;
  Tries tries;
  Rng rng(1);
  while (true) {
    std::string body;
    auto reply = http_exchange(
        request, limits,
        [&](std::string_view bytes) {
          body += bytes;
          return body.size() <= ReplyReader::kMaxPayload;
        },
        observer);
    auto failure = reply ? refusal(*reply) : failure_of(reply.error());
    if (failure.trouble != Trouble::kNotReady && failure.trouble != Trouble::kBusy) {
      if (!reply) return tl::unexpected(std::move(failure.error));
      (void)silent_seconds(true);
      if (reply->status / 100 == 2) reply->body = std::move(body);
      return reply;
    }
    COE_TRY_STATUS(wait_for_next(std::move(failure), tries, rng, observer));
  }
}

// Ollama's own protocol where the server has it: only there can thinking be
// switched.
Result<Api> EndpointAnswerer::probe(Observer& observer) {
  // Open WebUI has such a version, and llama-server such a list, beside one as OpenAI's.
  COE_TRY(const auto version, get(address_.ollama + "/version", observer));
  if (version.status != 200 || !is_ollama_version(version.body)) return Api::kOpenAi;
  COE_TRY(const auto tags, get(address_.ollama + "/tags", observer));
  return tags.status == 200 && is_ollama_list(tags.body) ? Api::kOllama : Api::kOpenAi;
}

Result<std::string> EndpointAnswerer::only_model(Observer& observer) {
  const std::string url =
      options_.api == Api::kOllama ? address_.ollama + "/tags" : address_.openai + "/models";
  COE_TRY(const auto reply, get(url, observer));
  if (reply.status != 200)
    return fail(Code::kEngine,
                fmt::format("{}: HTTP status {}: {}", url, reply.status,
                            error_message(reply.body, options_.key)),
                reply.status == 401 || reply.status == 403
                    ? hint_of(reply.status)
                    : "name the model with --model; if the server's paths have another form, give "
                      "the whole address, up to …/chat/completions");
  auto names = parse_model_list(reply.body);
  if (!names) {
    if (is_html(reply.body)) names.error().hint = kPageHint;
    return tl::unexpected(std::move(names).error().context(url));
  }
  if (names->size() == 1) return std::move(names->front());
  std::string list;
  constexpr std::size_t kShown = 10;
  for (std::size_t i = 0; i < std::min(names->size(), kShown); ++i)
    list += (i == 0 ? "" : ", ") + printable(redacted((*names)[i], options_.key));
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
    const auto name = other_name(field);
    observer.warning(
        fmt::format("{} refuses the field `{}`, which is {} from here on: {}", address_.root, field,
                    name.empty() ? "left out" : fmt::format("sent as `{}`", name), message));
  }
}

EndpointAnswerer::Failure EndpointAnswerer::failure_of(Error error) const {
  Failure out;
  if (error.code == Code::kNotFound)
    out.trouble = Trouble::kNotReady;
  else if (error.code == Code::kEngine)
    out.trouble = Trouble::kPassing;
  if (error.code == Code::kNotFound) error.code = Code::kEngine;
  error.message = redacted(std::move(error.message), options_.key);
  out.error = std::move(error);
  return out;
}

EndpointAnswerer::Failure EndpointAnswerer::refusal(const HttpReply& reply) const {
  const std::string words = error_message(reply.body, options_.key);
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  Failure out;
  out.error = {Code::kEngine,
               fmt::format("{}: HTTP status {}{}{}", address_.root, reply.status,
                           words.empty() ? "" : ": ", words),
               hint_of(reply.status)};
  out.trouble = trouble_of(reply.status);
  out.asked_seconds = asked_seconds(reply.headers, reply.body, now.count());
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
  AnswerCollector collector(fields.api, request, options_.key);
  auto reply = http_exchange(
      http, options_.limits, [&](std::string_view bytes) { return collector.feed(bytes); },
      observer);
  if (!reply) return tl::unexpected(failure_of(std::move(reply).error()));
  if (reply->status < 200 || reply->status >= 300) {
    auto failure = refusal(*reply);
    if (reply->status == 400 || reply->status == 422)
      failure.refused = refused_fields(fields, failure.error.message);
    return tl::unexpected(std::move(failure));
  }
  if (auto status = collector.finish(); !status) {
    auto error = std::move(status).error();
    if (collector.watcher_failed()) return tl::unexpected(Failure{std::move(error)});
    auto failure = failure_of(std::move(error).context(address_.root));
    if (collector.is_page()) {
      failure.trouble = Trouble::kLasting;
      failure.error.hint = kPageHint;
    }
    return tl::unexpected(std::move(failure));
  }
  auto answer = collector.answer(options_.markers);
  answer.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  return answer;
}

void EndpointAnswerer::warn_of_markers(const std::vector<std::string>& names, Observer& observer) {
  for (const auto& name : names) {
    {
      const std::scoped_lock lock(mutex_);
      if (said_markers_.size() >= kMostMarkers || !said_markers_.insert(name).second) continue;
    }
    observer.warning(
        fmt::format("{}: an answer holds the marker `{}`, which is not known: if thinking stands "
                    "behind it, name what begins and ends it with --think-markers",
                    address_.root, printable(name)));
  }
}

void EndpointAnswerer::warn_of_unread(const std::string& what, Observer& observer) {
  if (what.empty()) return;
  {
    const std::scoped_lock lock(mutex_);
    if (said_markers_.size() >= kMostMarkers || !said_markers_.insert(what).second) return;
  }
  observer.warning(
      fmt::format("{}: an answer holds {}, which is left out", address_.root, printable(what)));
}

void EndpointAnswerer::warn_of_halves(std::uint64_t n_replaced, Observer& observer) {
  if (n_replaced == 0) return;
  {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(said_halves_, true)) return;
  }
  observer.warning(
      fmt::format("{}: an answer holds halves of characters ({} of them), each of which is now "
                  "U+FFFD; the journal counts them in each answer (n_replaced)",
                  address_.root, n_replaced));
}

// How long the server has answered nobody.
double EndpointAnswerer::silent_seconds(bool answered) {
  const std::scoped_lock lock(mutex_);
  if (answered) {
    silent_since_.reset();
    if (said_ == Trouble::kNotReady) said_.reset();
    return 0.0;
  }
  const auto now = Clock::now();
  if (!silent_since_) silent_since_ = now;
  return std::chrono::duration<double>(now - *silent_since_).count();
}

Status EndpointAnswerer::wait_for_next(Failure failure, Tries& tries, Rng& rng,
                                       Observer& observer) {
  const bool waits = failure.trouble == Trouble::kNotReady || failure.trouble == Trouble::kBusy;
  const double silent = silent_seconds(!waits);
  const auto seconds =
      next_wait(options_.retry, failure.trouble, tries, failure.asked_seconds, silent, rng);
  if (!seconds) {
    if (tries.n_made > 1)
      failure.error.message += fmt::format(" (after {} attempts)", tries.n_made);
    if (tries.n_waited > 0)
      failure.error.message += fmt::format(" (waited {:.0f} s)", tries.waited_seconds);
    return tl::unexpected(std::move(failure.error));
  }
  const bool is_news = [&] {
    const std::scoped_lock lock(mutex_);
    return waits && std::exchange(said_, failure.trouble) != failure.trouble;
  }();
  if (is_news)
    observer.warning(fmt::format("{}: waiting for it, up to {:g} s (--wait)", failure.error.message,
                                 options_.retry.wait_seconds));
  return wait(*seconds, observer);
}

Result<ChatAnswer> EndpointAnswerer::answer(const AnswerRequest& request, Observer& observer) {
  Rng rng(request.sampling.seed);
  Tries tries;
  while (true) {
    auto outcome = attempt(request, fields(), observer);
    if (outcome) {
      (void)silent_seconds(true);
      warn_of_markers(outcome->unknown_markers, observer);
      warn_of_halves(outcome->n_replaced, observer);
      warn_of_unread(outcome->unread_thinking, observer);
      return *std::move(outcome);
    }
    auto& failure = outcome.error();
    if (failure.refused.empty())
      COE_TRY_STATUS(wait_for_next(std::move(failure), tries, rng, observer));
    else  // fewer fields each time: this ends
      leave_out(failure.refused, failure.error.message, observer);
  }
}

}  // namespace coe
