// A generator of small reasoning problems with worked thinking: arithmetic, linear equations, word
// problems, dates, number theory. Ours, so that a demo needs no third-party questions.
// Deterministic from the seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace coe {

struct ReasoningProblem {
  std::string family;  // "linear", "gcd", …
  std::string problem;
  std::string thinking;
  std::string solution;  // "The answer is …."
};

// One part of all possible problems: those whose text hashes to `index` modulo `count`. Corpora of
// different folds share no problem, whatever their seeds: one profiles, another evaluates.
struct ReasoningFold {
  std::uint32_t index = 0;
  std::uint32_t count = 1;  // > index
};

// `n` problems, families in rotation, no two alike; fewer only when families run out of new ones
// (each has a thousand or more). Every stated answer is computed, and the tests solve the texts
// again.
std::vector<ReasoningProblem> generate_reasoning(std::uint64_t seed, std::size_t n,
                                                 ReasoningFold fold = {});

}  // namespace coe
