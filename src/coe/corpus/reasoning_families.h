// These are the families of problems behind reasoning.h. Each function makes one random problem.
#pragma once

#include "coe/base/rng.h"
#include "coe/corpus/reasoning.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace coe {

struct ReasoningFamily {
  const char* name;
  ReasoningProblem (*make)(Rng& rng);  // leaves `family` empty
};

// "The answer is <value>."
std::string answer(std::string_view value);
// Writes p/q (q > 0) in lowest terms, a whole number without its denominator.
std::string fraction(std::int64_t p, std::int64_t q);

// Equations and numbers: linear, balance, quadratic, derivative, fraction, gcd, lcm, remainder,
// product, sum, binary, sequence.
std::span<const ReasoningFamily> number_families();

// Small stories: packing, average, rectangle, age, price, saving, weekday, chance, trip, units,
// pair, shopping, trade.
std::span<const ReasoningFamily> story_families();

}  // namespace coe
