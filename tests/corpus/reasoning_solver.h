// Solves the texts of generate_reasoning() again, by other means than the generator's: search and
// counting instead of construction.
#pragma once

#include <string>

namespace coe::testing {

// The expected solution text, or empty when the problem's text is not understood.
std::string solve_again(const std::string& family, const std::string& problem);

}  // namespace coe::testing
