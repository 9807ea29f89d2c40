// A server is an Answerer here: llama-server, vLLM, LM Studio, Ollama, or a
// hosted one.
#pragma once

#include "coe/ask/answer/answerer.h"
#include "coe/ask/endpoint/address.h"
#include "coe/ask/endpoint/backoff.h"
#include "coe/ask/endpoint/http.h"
#include "coe/ask/endpoint/request.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/message/thinking.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace coe {

struct EndpointOptions {
  std::string url;          // see parse_address
  Api api = Api::kAuto;     // kAuto: what the address says, else Ollama's where the
                            // server is one
  std::string model;        // empty: the only one that the server lists
  std::string key;          // sent as a bearer token; kept out of all text; empty: none
  std::uint32_t n_ctx = 0;  // see RequestOptions
  // These markers count where the server leaves thinking in the content.
  std::vector<ThinkingMarkers> markers = known_thinking_markers();
  HttpLimits limits;
  RetryOptions retry;
};

// Several threads may call answer() at once, each with its own observer. A
// server that is not there yet, still loading or busy is waited for, with one
// warning; connection errors, broken streams and statuses that pass
// (trouble_of) are tried again; what AnswerRequest::on_text was told of a
// failed attempt stays told. The key that the server was sent is "…" in answers
// and messages, if it says it. A field that the server refuses is left out from
// then on, with one warning. n_token is what the server counts; of an answer
// that was stopped, which servers do not count, it is the pieces.
class EndpointAnswerer : public Answerer {
 public:
  // Asks the server which protocol it speaks and which models it has, where the
  // options do not say. Errors: kInvalidArgument for a bad address, or a model
  // that must be named; kEngine when the server cannot be reached; kCancelled.
  static Result<std::unique_ptr<EndpointAnswerer>> connect(const EndpointOptions& options,
                                                           Observer& observer);

  const AnswererInfo& info() const override { return info_; }
  Result<ChatAnswer> answer(const AnswerRequest& request, Observer& observer) override;

 private:
  // This is what came of an attempt that gave no answer.
  struct Failure {
    Error error;
    Trouble trouble = Trouble::kLasting;
    std::optional<double> asked_seconds{};  // the server asks for this wait
    std::vector<std::string> refused{};     // fields that the server names in its refusal
  };

  EndpointAnswerer(const EndpointOptions& options, Address address);
  std::vector<std::string> headers() const;
  // The body of a 2xx reply is in HttpReply::body, too.
  Result<HttpReply> get(const std::string& url, Observer& observer);
  Result<Api> probe(Observer& observer);
  Result<std::string> only_model(Observer& observer);
  tl::expected<ChatAnswer, Failure> attempt(const AnswerRequest& request,
                                            const RequestOptions& fields, Observer& observer) const;
  Failure failure_of(Error error) const;
  Failure refusal(const HttpReply& reply) const;
  // Waits until the next attempt; the failure's error when there is none.
  Status wait_for_next(Failure failure, Tries& tries, Rng& rng, Observer& observer);
  double silent_seconds(bool answered);
  void warn_of_markers(const std::vector<std::string>& names, Observer& observer);
  void warn_of_unread(const std::string& what, Observer& observer);
  void warn_of_halves(std::uint64_t n_replaced, Observer& observer);
  RequestOptions fields() const;
  void leave_out(const std::vector<std::string>& fields, std::string_view message,
                 Observer& observer);

  EndpointOptions options_;
  Address address_;
  AnswererInfo info_;
  mutable std::mutex mutex_;  // guards the rest
  RequestOptions fields_;
  // Since then the server has been busy or not ready, and answered nobody.
  std::optional<std::chrono::steady_clock::time_point> silent_since_;
  std::set<std::string> said_markers_;  // and kinds of thinking that cannot be read
  bool said_halves_ = false;
  std::optional<Trouble> said_;  // the trouble that a warning has told of
};

}  // namespace coe
