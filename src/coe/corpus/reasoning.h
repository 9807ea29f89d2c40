// A generator of small reasoning problems with worked thinking: arithmetic, linear equations, word
// problems, dates, number theory. Ours, so that a demo needs no third-party questions.
// Deterministic from the seed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace coe {

struct ReasoningProblem {
  std::string family;  // "linear", "gcd", …
  std::string problem;
  std::string thinking;
  std::string solution;
};

// `n` problems, families in rotation, no two alike. Every stated answer is computed, and the tests
// solve the texts again.
std::vector<ReasoningProblem> generate_reasoning(std::uint64_t seed, std::size_t n);

}  // namespace coe
