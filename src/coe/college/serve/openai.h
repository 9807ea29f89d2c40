// The OpenAI API as far as a server must read it: which model a request asks for, what its user
// said, and errors as clients know them.
#pragma once

#include "coe/base/result.h"
#include "coe/college/serve/http_server.h"

#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct ModelRequest {
  std::string model;  // empty: none named
  bool stream = false;
  std::vector<std::string> user_turns;  // text of the user's messages, or the prompt; oldest first
};

// Reads a request's body. Parts of content that are not text are passed over, and so are messages
// of other roles. Errors: kInvalidArgument for what is no JSON object, or whose `model`, `messages`
// or `prompt` have other types than the API gives them.
Result<ModelRequest> read_model_request(std::string_view body);

// The body with another `model`; everything else keeps its value and order. The body must be one
// that read_model_request() takes.
std::string with_model(std::string_view body, std::string_view model);

// {"error": {"message", "type", "code", "param": null}}. The type is by status: 401
// authentication_error, 403 permission_error, 404 and other 4xx invalid_request_error, 429
// rate_limit_error, 5xx server_error.
std::string openai_error(unsigned status, std::string_view code, std::string_view message);
ServedReply error_reply(unsigned status, std::string_view code, std::string_view message);
// The same as an event of a stream that has begun.
std::string error_event(std::string_view code, std::string_view message);

}  // namespace coe
