// What is wrong with an answer that was asked with thinking off.
#pragma once

#include "coe/ask/answer/answerer.h"

#include <string>
#include <string_view>

namespace coe {

struct ChatFaults {
  bool thinks = false;   // there is thinking in it all the same
  bool markers = false;  // markers of turns or channels are left in its words
  bool empty = false;    // it says nothing
  bool loops = false;    // it was cut off while it said the same over and over
  bool any() const { return thinks || markers || empty || loops; }
};

// Thinking is what stands between markers of the model's template (ChatAnswer::thinking), and what
// split_thinking() finds in the content; a marker of it that begins the answer counts without an
// end. An answer that thinks or holds markers is not empty beside.
ChatFaults judge_answer(const ChatAnswer& answer);

// Says whether a text ends with one piece of it three times in a row or more, 30 bytes at least in
// all. The piece may begin anywhere in itself: "ab ab ab ab a" does. Only the last 4,096 bytes are
// looked at.
bool repeats_at_end(std::string_view text);

}  // namespace coe
