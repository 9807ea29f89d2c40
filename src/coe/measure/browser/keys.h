// Keys as DevTools wants to be told of them.
#pragma once

#include "coe/base/json.h"
#include "coe/base/result.h"

#include <string>
#include <vector>

namespace coe {

struct KeyEvents {
  nlohmann::json down;
  nlohmann::json up;
};

// `key`: "Enter", "Shift+Tab", "a". Errors: kInvalidArgument for a name that is no key.
Result<KeyEvents> key_events(const std::string& key);

// The characters of a text in UTF-8.
std::vector<std::string> characters_of(const std::string& text);

}  // namespace coe
