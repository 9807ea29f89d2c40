// This generates small reasoning problems with worked thinking: arithmetic, linear equations, word
// problems, dates, number theory. They are our own, so that a demo needs no third-party questions.
// The seed decides them.
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

// A fold is one part of all possible problems: those whose text hashes to `index` modulo `count`.
// Corpora of different folds share no problem, whatever their seeds, so that one can profile and
// another evaluate.
struct ReasoningFold {
  std::uint32_t index = 0;
  std::uint32_t count = 1;  // > index
};

// Returns `n` problems, from the families in rotation, no two alike. They are fewer only when
// families run out of new ones, of which each has a thousand or more. Every stated answer is
// computed, and the tests solve the texts again.
std::vector<ReasoningProblem> generate_reasoning(std::uint64_t seed, std::size_t n,
                                                 ReasoningFold fold = {});

}  // namespace coe
