#include "coe/ask/endpoint/request.h"

#include "coe/base/json.h"
#include "coe/base/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Json = nlohmann::ordered_json;

std::uint64_t seed_of(const Sampling& sampling) {
  // The highest value means a random seed to llama.cpp.
  return sampling.seed % std::numeric_limits<std::uint32_t>::max();
}

// Writes 0.6F as 0.6, not as 0.6000000238418579.
double number(float value) {
  const std::string shortest = fmt::format("{}", value);
  double out = value;
  std::from_chars(shortest.data(), shortest.data() + shortest.size(), out);
  return out;
}

Json messages_of(const AnswerRequest& request) {
  Json messages = Json::array();
  for (const auto& message : request.messages)
    messages.push_back({{"role", message.role}, {"content", message.content}});
  return messages;
}

Json openai_request(const RequestOptions& options, const AnswerRequest& request) {
  const auto& sampling = request.sampling;
  Json body = {{"model", options.model},
               {"messages", messages_of(request)},
               {"stream", true},
               {"stream_options", {{"include_usage", true}}},
               {"max_tokens", request.max_new_tokens},
               {"temperature", number(sampling.temperature)},
               {"top_p", number(sampling.top_p)},
               {"top_k", sampling.top_k},
               {"min_p", 0},
               {"seed", seed_of(sampling)},
               {"chat_template_kwargs", {{"enable_thinking", request.thinking}}}};
  if (sampling.repeat_penalty != 1.0F) {
    body["repeat_penalty"] = number(sampling.repeat_penalty);  // llama-server, LM Studio
    body["repeat_last_n"] = sampling.repeat_last_n;
    body["repetition_penalty"] = number(sampling.repeat_penalty);  // vLLM: over the whole text
  }
  return body;
}

Json ollama_request(const RequestOptions& options, const AnswerRequest& request) {
  const auto& sampling = request.sampling;
  Json tuning = {{"num_predict", request.max_new_tokens},
                 {"temperature", number(sampling.temperature)},
                 {"top_p", number(sampling.top_p)},
                 {"top_k", sampling.top_k},
                 {"min_p", 0},
                 {"seed", seed_of(sampling)},
                 {"repeat_penalty", number(sampling.repeat_penalty)},
                 {"repeat_last_n", sampling.repeat_last_n}};
  if (options.n_ctx > 0) tuning["num_ctx"] = options.n_ctx;
  return {{"model", options.model},
          {"messages", messages_of(request)},
          {"stream", true},
          {"think", request.thinking},
          {"options", std::move(tuning)}};
}

constexpr std::string_view kMaxTokens = "max_tokens";

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool names_word(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + 1)) {
    const bool starts = at == 0 || !is_word(text[at - 1]);
    const std::size_t end = at + word.size();
    if (starts && (end == text.size() || !is_word(text[end]))) return true;
  }
  return false;
}

// Servers speak of a field in these words.
std::vector<std::string_view> names_of(std::string_view field) {
  if (field == "chat_template_kwargs") return {field, "enable_thinking"};
  if (field == "think") return {field, "thinking"};  // "… does not support thinking"
  return {field};
}

// "max_tokens is too large" is no refusal of the field.
bool refuses_max_tokens(std::string_view message) {
  if (!names_word(message, kMaxTokens)) return false;
  if (names_word(message, other_name(kMaxTokens))) return true;
  const auto folded = lower_ascii(message);
  return std::ranges::any_of(
      std::array<std::string_view, 7>{"support", "unrecogni", "unknown", "unexpected",
                                      "not permitted", "not allowed", "invalid parameter"},
      [&](std::string_view word) { return folded.find(word) != std::string::npos; });
}

}  // namespace

const std::vector<std::string>& optional_fields(Api api) {
  static const std::vector<std::string> openai = {"chat_template_kwargs",
                                                  "temperature",
                                                  "top_p",
                                                  "min_p",
                                                  "top_k",
                                                  "stream_options",
                                                  "seed",
                                                  "repeat_penalty",
                                                  "repeat_last_n",
                                                  "repetition_penalty"};
  static const std::vector<std::string> ollama = {"think"};
  return api == Api::kOllama ? ollama : openai;
}

std::string chat_request(const RequestOptions& options, const AnswerRequest& request) {
  Json body = options.api == Api::kOllama ? ollama_request(options, request)
                                          : openai_request(options, request);
  for (const auto& field : options.refused) {
    if (const auto name = other_name(field); !name.empty() && body.contains(field))
      body[name] = body[field];
    body.erase(field);
  }
  // Text from files may not be UTF-8.
  return json_text(body);
}

std::string_view other_name(std::string_view field) {
  return field == kMaxTokens ? "max_completion_tokens" : std::string_view();
}

std::vector<std::string> refused_fields(const RequestOptions& options, std::string_view message) {
  std::vector<std::string> out;
  if (options.api == Api::kOpenAi && refuses_max_tokens(message) &&
      !options.refused.contains(kMaxTokens))
    out.emplace_back(kMaxTokens);
  for (const auto& field : optional_fields(options.api)) {
    if (options.refused.contains(field)) continue;
    for (const auto name : names_of(field)) {
      if (!names_word(message, name)) continue;
      out.push_back(field);
      break;
    }
  }
  return out;
}

}  // namespace coe
