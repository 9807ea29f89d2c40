// This writes the JSON body of a chat request.
#pragma once

#include "coe/ask/answer/answerer.h"
#include "coe/ask/endpoint/address.h"

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct RequestOptions {
  Api api = Api::kOpenAi;  // not kAuto
  std::string model;
  std::uint32_t n_ctx = 0;  // Ollama: the context to load the model with; 0: as the server has it
  // Fields that the server refuses, of optional_fields(), or with another name.
  std::set<std::string, std::less<>> refused;
};

// Returns the fields beyond those that every server of that protocol knows, as they are named in a
// request. Without them the answer is not what was asked for, but an answer.
const std::vector<std::string>& optional_fields(Api api);

// Returns what a field is called that is not left out where it is refused: `max_tokens` is
// `max_completion_tokens` to some. Empty for all others.
std::string_view other_name(std::string_view field);

// Asks for a streamed reply with the counts of tokens at the end. Samplers that Sampling lacks are
// switched off where servers have them on (min_p of llama-server and LM Studio, repeat_penalty of
// Ollama), so that an answer is drawn as the engine draws it. Seeds are 32 bits, reduced as the
// engine does.
std::string chat_request(const RequestOptions& options, const AnswerRequest& request);

// Returns those of the optional fields still sent that a refusal (HTTP 400, 422) names: "unknown
// field `top_k`"; and `max_tokens`, if it is the field and not its value that is refused.
std::vector<std::string> refused_fields(const RequestOptions& options, std::string_view message);

}  // namespace coe
