// A small scanf for whole texts that returns what it read. (std::regex makes GCC 12 warn falsely
// under ASan.)
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe::testing {

// Matches all of `text`. In `pattern`, each taking as much as it can: %n digits, %i digits with or
// without a minus, %o digits or nothing, %s '+' or '-', %w letters, %l numbers listed with commas,
// blanks and "and"; %W letters that are not returned; %% a percent sign. Element 0 is the text, the
// others what was read.
std::optional<std::vector<std::string>> match(const std::string& text, std::string_view pattern);

}  // namespace coe::testing
