#include "coe/base/result.h"
#include "coe/college/choose/chooser.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace coe {

Result<ConversationChoice> choose_in_conversation(Chooser& chooser,
                                                  std::span<const std::string> user_turns) {
  if (user_turns.empty())
    return fail(Code::kInvalidArgument, "a conversation without a turn of the user",
                "send at least one message of role `user`");
  ConversationChoice out;
  std::optional<std::size_t> present;
  for (const auto& turn : user_turns) {
    COE_TRY(out.choice, chooser.choose(turn));
    const auto before = present;
    const auto& scores = out.choice.scores;
    if (const auto found = out.choice.chosen;
        found && (!present || scores[*found] - scores[*present] >= kSwitchMargin))
      present = found;
    out.stayed = before.has_value() && before == present;
  }
  out.choice.chosen = present;
  return out;
}

}  // namespace coe
