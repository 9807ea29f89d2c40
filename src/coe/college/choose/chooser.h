// Which specialist of a college is to answer: a request goes in, and how likely it is each one's
// comes out. Choosers are trained on the domains' corpora (train_text_chooser()), or opened from a
// file of `coe dispatcher` (open_chooser()). docs/college.md, "Choosing", has the rules.
#pragma once

#include "coe/base/result.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct Choice {
  std::optional<std::size_t> chosen;  // index into names(); nothing: unsure
  // Calibrated probability of each specialist, in the order of names(); they sum to 1. A text of
  // which nothing is known has the same for each.
  std::vector<double> scores;
};

// Several threads may call choose() at once.
class Chooser {
 public:
  virtual ~Chooser() = default;
  // Sorted, at least two.
  virtual const std::vector<std::string>& names() const = 0;
  // "text", "routing" or "both": what the choice is made from.
  virtual std::string_view kind() const = 0;
  // `text` is what a user wrote; the control tokens of a chat template in it do not count. The same
  // text has the same choice. Errors: those of the engine, where routing is asked.
  virtual Result<Choice> choose(std::string_view text) = 0;
};

// A later turn takes a conversation to another specialist only where that one's probability is
// above the present one's by this much. The turns that follow a question are short and speak of
// what stands before them ("make it shorter"), so that by themselves they say little; and a
// specialist that comes in late has to read all of the conversation again. With calibrated scores
// the margin says: at least three to one, where only these two are in question.
inline constexpr double kSwitchMargin = 0.5;

struct ConversationChoice {
  Choice choice;        // who answers the last turn; its scores are the last turn's own
  bool stayed = false;  // the turn before was this specialist's as well
};

// `user_turns` are all that the user said, oldest first. The first turn that is sure decides, and a
// later one only if it is sure and kSwitchMargin above. While none was sure, nobody is chosen.
// Nothing is remembered between calls: the same turns have the same choice. Errors:
// kInvalidArgument without a turn; those of choose().
Result<ConversationChoice> choose_in_conversation(Chooser& chooser,
                                                  std::span<const std::string> user_turns);

}  // namespace coe
