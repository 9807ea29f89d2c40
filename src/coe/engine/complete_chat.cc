#include "coe/engine/complete_chat.h"

#include "coe/base/result.h"
#include "coe/engine/chat.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace coe {
namespace {

// Words that no template has of its own.
constexpr std::string_view kFirst = "coe-first";
constexpr std::string_view kReply = "coe-reply";
constexpr std::string_view kSecond = "coe-second";

std::string_view common_suffix(std::string_view a, std::string_view b) {
  const auto [end, other] = std::mismatch(a.rbegin(), a.rend(), b.rbegin(), b.rend());
  return a.substr(a.size() - static_cast<std::size_t>(end - a.rbegin()));
}

struct Place {
  std::size_t begin = 0;
  std::size_t end = 0;
};

// The last marker in `text`; both 0 when none is there.
Place last_marker(std::string_view text, std::span<const std::string> markers) {
  Place last;
  for (const auto& marker : markers) {
    const std::size_t found = text.rfind(marker);
    if (found != std::string_view::npos && found + marker.size() > last.end)
      last = {found, found + marker.size()};
  }
  return last;
}

std::string_view without_blanks_at_end(std::string_view text) {
  return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
}

}  // namespace

Result<ChatCompleter> ChatCompleter::create(Engine& engine) {
  ChatCompleter out(engine);
  COE_TRY(out.markup_, engine.chat_markup());
  COE_TRY_STATUS(out.learn_turn_end());
  COE_TRY_STATUS(out.learn_thinking());
  return out;
}

// Between a reply and the user's next words stand the end of the one turn and the beginning of the
// next; the latter is known, or is what stands before the user's first words.
Status ChatCompleter::learn_turn_end() {
  const std::array<ChatMessage, 3> probe = {ChatMessage{"user", std::string(kFirst)},
                                            ChatMessage{"assistant", std::string(kReply)},
                                            ChatMessage{"user", std::string(kSecond)}};
  COE_TRY(const std::string text, engine_.render_chat(probe, false));
  const std::string_view view = text;
  const std::size_t first = view.find(kFirst);
  const std::size_t reply = view.find(kReply);
  const std::size_t second = view.find(kSecond);
  if (first == view.npos || reply == view.npos || second == view.npos || first > reply ||
      reply > second)
    return fail(Code::kUnsupported,
                "the model's chat template: it does not show where a turn of the model ends");
  const std::size_t begin = reply + kReply.size();
  std::string_view between = view.substr(begin, second - begin);
  std::size_t opening = 0;
  for (const auto& marker : markup_.other_turns) {
    if (between.ends_with(marker)) opening = std::max(opening, marker.size());
  }
  if (opening == 0) opening = common_suffix(between, view.substr(0, first)).size();
  turn_end_ = between.substr(0, between.size() - opening);
  return {};
}

// A closed block, which the template writes when thinking is off, shows what it puts around
// thinking.
Status ChatCompleter::learn_thinking() {
  has_thinking_ = !markup_.thinking_ends.empty();
  const ChatMessage question = {"user", std::string(kFirst)};
  COE_TRY(const std::string text, engine_.render_chat({&question, 1}, false));
  const Place opening = last_marker(text, markup_.model_turns);
  if (opening.end > 0) reply_opening_ = text.substr(opening.begin);
  if (!has_thinking_) return {};
  std::string_view turn = std::string_view(text).substr(opening.end);
  std::string_view start = markup_.thinking_start;
  std::string end = markup_.thinking_ends.front();
  std::string gap = "\n";
  std::string after;
  for (const auto& marker : markup_.thinking_ends) {
    const std::size_t at = turn.rfind(marker);
    const std::size_t from = turn.find(start);
    if (at == turn.npos || from == turn.npos || from + start.size() > at) continue;
    end = marker;
    gap = turn.substr(from + start.size(), at - from - start.size());
    after = turn.substr(at + marker.size());
    break;
  }
  const bool lines = gap.find('\n') != std::string::npos || start.ends_with('\n');
  thinking_open_ = std::string(start) + (lines && !start.ends_with('\n') ? "\n" : "");
  thinking_close_ = (lines ? "\n" : "") + end + after;
  return {};
}

Result<std::string> ChatCompleter::render(std::span<const ChatMessage> messages,
                                          std::string_view thinking) const {
  const bool has_reply = !messages.empty() && messages.back().role == "assistant";
  if (!thinking.empty() && !has_thinking_)
    return fail(Code::kUnsupported, "the model's chat template has no place for thinking",
                "leave thinking out of the chat: in a corpus spec drop_thinking = true does");
  if (!has_reply) return engine_.render_chat(messages, true);
  if (!messages.back().tool_calls.empty()) return render_calls(messages);
  COE_TRY(std::string text,
          engine_.render_chat(messages.first(messages.size() - 1), !thinking.empty()));
  // Some templates open the block themselves.
  const bool is_open =
      has_thinking_ && !markup_.thinking_start.empty() &&
      without_blanks_at_end(text).ends_with(without_blanks_at_end(markup_.thinking_start));
  if (!thinking.empty()) {
    if (!is_open) text += thinking_open_;
    text += thinking;
    text += thinking_close_;
  } else if (is_open) {
    text += thinking_close_;
  }
  return text + messages.back().content + turn_end_;
}

// What a template renders ends where the model's next turn begins, and a call ends before.
Result<std::string> ChatCompleter::render_calls(std::span<const ChatMessage> messages) const {
  COE_TRY(std::string text, engine_.render_chat(messages, false));
  if (!reply_opening_.empty() && text.ends_with(reply_opening_))
    text.resize(text.size() - reply_opening_.size());
  return text;
}

}  // namespace coe
