#include "coe/measure/chat_check/judge.h"

#include "coe/base/search.h"
#include "coe/corpus/message/thinking.h"

#include <algorithm>
#include <cstddef>

namespace coe {

bool repeats_at_end(std::string_view text) {
  constexpr std::size_t kLookedAt = 4096;
  constexpr std::size_t kLeast = 30;
  constexpr std::size_t kTimes = 3;
  text = trimmed(text);
  text.remove_prefix(text.size() - std::min(text.size(), kLookedAt));
  for (std::size_t period = 1; period * kTimes <= text.size(); ++period) {
    std::size_t n = period;  // bytes at the end that equal those a period before them
    while (n < text.size() && text[text.size() - 1 - n] == text[text.size() - 1 - n + period]) ++n;
    if (n >= std::max(kLeast, period * kTimes)) return true;
  }
  return false;
}

ChatFaults judge_answer(const ChatAnswer& answer) {
  const auto split = split_thinking(answer.content);
  const auto tag = thinking_tag(answer.content);
  ChatFaults faults;
  faults.thinks = !trimmed(answer.thinking).empty() || !split.thinking.empty() || !tag.empty();
  faults.markers =
      !answer.unknown_markers.empty() ||
      std::ranges::any_of(split.unknown, [&](const auto& marker) { return marker != tag; });
  faults.empty = !faults.thinks && !faults.markers && trimmed(answer.content).empty();
  faults.loops =
      answer.end == AnswerEnd::kLoop ||
      (answer.end == AnswerEnd::kLength && repeats_at_end(answer.thinking + answer.content));
  return faults;
}

}  // namespace coe
