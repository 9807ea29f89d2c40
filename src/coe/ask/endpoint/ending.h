// This knows the words by which servers say why an answer ends.
#pragma once

#include <cstdint>
#include <string_view>

namespace coe {

enum class Ending : std::uint8_t {
  kDone,     // the model ended its turn: "stop", "eos", "end_turn"
  kCut,      // at the length asked for, or the context's end: "length", "max_tokens"
  kFilter,   // a filter withheld the answer or its rest: "content_filter", "safety"
  kUnknown,  // any other word, "abort" and "error" among them: nobody knows that it is whole
};

// Letter case does not count.
Ending ending_of(std::string_view reason);

}  // namespace coe
