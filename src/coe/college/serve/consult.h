// --consult: where nobody is sure, the two likeliest specialists answer, and a third model makes
// one answer of both. These are the bodies of the requests for that.
#pragma once

#include "coe/base/result.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace coe {

// The question as each specialist gets it: without a stream. Nothing where the request is no chat,
// or offers tools: calls of tools cannot be made one. The body must be one that
// read_model_request() takes.
std::optional<std::string> consultation_of(std::string_view body);

struct Opinion {
  std::string who;
  std::string answer;
  std::uint64_t n_token = 0;  // prompt and answer, as the server counts them; 0: it does not
};

// Reads the reply to a chat. Errors: kEngine for what is none, or has no text.
Result<Opinion> read_opinion(std::string who, std::string_view reply);

// The question again, with the opinions as one more message of the user. Streams if the first did.
std::string merging_body(std::string_view body, std::span<const Opinion> opinions);

}  // namespace coe
