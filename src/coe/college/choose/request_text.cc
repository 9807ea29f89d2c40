#include "coe/college/choose/request_text.h"

#include "coe/base/search.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace coe {

namespace {

// Templates that have no bars in their tokens.
constexpr std::array<std::string_view, 12> kPlainTokens = {
    "<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]",
    "<bos>",           "<eos>",         "<s>",    "</s>",    "<think>",         "</think>"};

// Who speaks, and which channel of theirs, as templates write it behind a token that opens a turn.
constexpr std::array<std::string_view, 11> kTurnRoles = {
    "user",    "model",    "assistant",  "system", "tool",   "developer",
    "thought", "analysis", "commentary", "final",  "ipython"};

// No template has a longer name in a token.
constexpr std::size_t kMostTokenBytes = 40;

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == ' ' || static_cast<unsigned char>(c) >= 0x80;
}

// Bytes of the token that `text` begins with; 0: none.
std::size_t token_bytes(std::string_view text) {
  for (const auto token : kPlainTokens)
    if (text.starts_with(token)) return token.size();
  if (!text.starts_with('<')) return 0;
  const bool bar_first = text.size() > 1 && text[1] == '|';
  const std::size_t begin = bar_first ? 2 : 1;
  std::size_t at = begin;
  while (at < text.size() && at < kMostTokenBytes && is_name_byte(text[at])) ++at;
  if (at == begin) return 0;
  const bool bar_last = at < text.size() && text[at] == '|';
  if (bar_last) ++at;
  if (!bar_first && !bar_last) return 0;  // a tag of markup
  return at < text.size() && text[at] == '>' ? at + 1 : 0;
}

// Bytes of the role that `text`, which follows a token, begins with; 0: none.
std::size_t role_bytes(std::string_view text) {
  const auto end = std::ranges::find_if(text, [](char c) { return c < 'a' || c > 'z'; });
  const auto word = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  if (std::ranges::find(kTurnRoles, word) == kTurnRoles.end()) return 0;
  const auto rest = text.substr(word.size());
  if (rest.starts_with('\n')) return word.size() + 1;
  return rest.empty() || token_bytes(rest) > 0 ? word.size() : 0;
}

}  // namespace

std::string request_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find_first_of("<["), text.size());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    if (const std::size_t n = token_bytes(text); n > 0) {
      text.remove_prefix(n);
      text.remove_prefix(role_bytes(text));
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  return std::string(trimmed(out));
}

}  // namespace coe
