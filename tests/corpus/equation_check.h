// Checks the arithmetic that a text states.
#pragma once

#include <string>

namespace coe::testing {

// Evaluates every equation between numbers in `thinking` ("12 * 61 = 732", "8/11 = 32/44",
// "9 / 2 = 4 remainder 1"). The first that does not hold, or empty; adds to `n_checked`.
std::string wrong_equation(const std::string& thinking, int& n_checked);

}  // namespace coe::testing
