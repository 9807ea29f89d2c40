// A pass gives these back: its log, and its words for people.
#pragma once

#include "coe/mask/pass.h"

#include <string>
#include <vector>

namespace coe {

struct PassResult {
  std::vector<std::string> labels;  // profile_label of each profile
  std::vector<std::string> lists;   // what MaskSwap::list counts; empty: the profiles
  PassLog log;
};

// This is said of a swap.
struct PassWords {
  std::string list;    // whose order the incoming expert's place is in; empty: the name of its list
  std::string reason;  // why it came in
};

}  // namespace coe
