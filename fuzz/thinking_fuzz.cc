// Thinking is parted from content in any text: nothing but white space and markers is lost, nothing
// comes twice. As JSON, the input is also a message in the forms of servers and published sets.
#include "coe/base/json.h"
#include "coe/base/utf8.h"
#include "coe/corpus/message/message_text.h"
#include "coe/corpus/message/thinking.h"

#include "require.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace {

// Parts are joined by newlines.
std::size_t n_word_byte(std::string_view text) {
  return text.size() - static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

void check(const coe::ThinkingSplit& split, std::size_t n_byte) {
  require(n_word_byte(split.thinking) + n_word_byte(split.content) <= n_byte);
  for (const auto& marker : split.unknown) require(!marker.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(coe::split_thinking(text), size);
  const auto plain = coe::split_thinking(text, std::span<const coe::ThinkingMarkers>());
  require(plain.thinking.empty());
  const auto json = coe::parse_json<nlohmann::json>(text);
  if (json.is_discarded()) return 0;
  const auto message = coe::read_message_text(json);
  if (!message) {
    require_plain(message.error(), {coe::Code::kCorrupt});
    return 0;
  }
  require(coe::find_invalid_utf8(message->content) == std::string_view::npos);
  check(coe::split_message(*message), message->thinking.size() + message->content.size());
  return 0;
}
