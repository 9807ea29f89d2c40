// A server is an Answerer here: llama-server, vLLM, LM Studio, Ollama, or a hosted one.
#pragma once

#include "coe/ask/answer/answerer.h"
#include "coe/ask/answer/thinking.h"
#include "coe/ask/endpoint/address.h"
#include "coe/ask/endpoint/backoff.h"
#include "coe/ask/endpoint/http.h"
#include "coe/ask/endpoint/request.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace coe {

struct EndpointOptions {
  std::string url;          // see parse_address
  Api api = Api::kAuto;     // kAuto: what the address says, else Ollama's where the server is one
  std::string model;        // empty: the only one that the server lists
  std::string key;          // sent as a bearer token; never in a message; empty: none
  std::uint32_t n_ctx = 0;  // see RequestOptions
  // These markers count where the server leaves thinking in the content.
  std::vector<ThinkingMarkers> markers = {{"<think>", "</think>"}};
  HttpLimits limits;
  RetryOptions retry;
};

// Several threads may call answer() at once, each with its own observer. Connection errors, broken
// streams and is_transient() statuses are tried again; what AnswerRequest::on_text was told of a
// failed attempt stays told. A field that the server refuses is left out from then on, with one
// warning. n_token is what the server counts; of an answer that was stopped, which servers do not
// count, it is the pieces.
class EndpointAnswerer : public Answerer {
 public:
  // Asks the server which protocol it speaks and which models it has, where the options do not say.
  // Errors: kInvalidArgument for a bad address, or a model that must be named; kEngine when the
  // server cannot be reached; kCancelled.
  static Result<std::unique_ptr<EndpointAnswerer>> connect(const EndpointOptions& options,
                                                           Observer& observer);

  const AnswererInfo& info() const override { return info_; }
  Result<ChatAnswer> answer(const AnswerRequest& request, Observer& observer) override;

 private:
  // This is what came of an attempt that gave no answer.
  struct Failure {
    Error error;
    bool transient = false;              // another attempt may mend it
    std::optional<double> wait_seconds;  // as the server asks
    std::vector<std::string> refused;    // fields that the server names in its refusal
  };

  EndpointAnswerer(const EndpointOptions& options, Address address);
  std::string without_key(std::string text) const;
  std::vector<std::string> headers() const;
  Result<HttpReply> get(const std::string& url, std::string& body, Observer& observer) const;
  Result<Api> probe(Observer& observer) const;
  Result<std::string> only_model(Observer& observer) const;
  tl::expected<ChatAnswer, Failure> attempt(const AnswerRequest& request,
                                            const RequestOptions& fields, Observer& observer) const;
  Failure refusal(const HttpReply& reply, const RequestOptions& fields) const;
  RequestOptions fields() const;
  void leave_out(const std::vector<std::string>& fields, std::string_view message,
                 Observer& observer);

  EndpointOptions options_;
  Address address_;
  AnswererInfo info_;
  mutable std::mutex mutex_;  // guards fields_
  RequestOptions fields_;
};

}  // namespace coe
