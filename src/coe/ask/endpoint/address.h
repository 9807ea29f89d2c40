// Addresses of servers as people type them, and the two protocols that coe speaks with them.
#pragma once

#include "coe/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace coe {

enum class Api : std::uint8_t {
  kAuto,    // asked of the server
  kOpenAi,  // /v1/chat/completions: llama-server, vLLM, LM Studio, Ollama as well, hosted ones
  kOllama,  // /api/chat, Ollama's own
};
std::string_view api_name(Api api);
// "openai", "ollama", "auto". Errors: kInvalidArgument.
Result<Api> parse_api(std::string_view name);

struct Address {
  Api api = Api::kAuto;  // what the path says, where it says something
  std::string root;      // "http://host:port", with what comes before the paths below
  std::string openai;    // root + "/v1": before /chat/completions and /models
  std::string ollama;    // root + "/api": before /chat, /tags and /version
};

// Takes host:port, http://host:port, …/v1, …/v1/chat/completions, …/api, …/api/chat, with further
// folders before these and slashes behind; …/v1beta/openai and the like, and any
// …/chat/completions, as they stand. Errors: kInvalidArgument: other schemes, no host, a
// query, a password (keys belong in the environment), control characters.
Result<Address> parse_address(std::string_view text);

}  // namespace coe
