#include "coe/corpus/reasoning.h"

#include "coe/base/rng.h"
#include "coe/corpus/reasoning_families.h"
#include "coe/corpus/sampling.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace coe {

std::string answer(std::string_view value) { return fmt::format("The answer is {}.", value); }

std::string fraction(std::int64_t p, std::int64_t q) {
  const std::int64_t divisor = std::gcd(p, q);
  return q / divisor == 1 ? std::to_string(p / divisor)
                          : fmt::format("{}/{}", p / divisor, q / divisor);
}

std::vector<ReasoningProblem> generate_reasoning(std::uint64_t seed, std::size_t n,
                                                 ReasoningFold fold) {
  // Number and story families take turns, so that a prefix of the output is mixed, too.
  std::vector<ReasoningFamily> families;
  const auto numbers = number_families();
  const auto stories = story_families();
  for (std::size_t i = 0; i < numbers.size() || i < stories.size(); ++i) {
    if (i < numbers.size()) families.push_back(numbers[i]);
    if (i < stories.size()) families.push_back(stories[i]);
  }
  // A problem counts as new by its text; a family that repeats itself this often is exhausted.
  constexpr int kTries = 1000;
  Rng rng(seed);
  std::unordered_set<std::string> seen;
  std::vector<ReasoningProblem> out;
  std::size_t n_dry = 0;  // families in a row without a new problem
  for (std::size_t i = 0; out.size() < n && n_dry < families.size(); ++i) {
    const auto& family = families[i % families.size()];
    bool found = false;
    for (int attempt = 0; attempt < kTries && !found; ++attempt) {
      ReasoningProblem made = family.make(rng);
      if (seeded_rank(0, made.problem) % fold.count != fold.index) continue;
      if (!seen.insert(made.problem).second) continue;
      made.family = family.name;
      out.push_back(std::move(made));
      found = true;
    }
    n_dry = found ? 0 : n_dry + 1;
  }
  return out;
}

}  // namespace coe
