// These are intervals and tests for shares of right answers.
#pragma once

#include "coe/base/stats/bootstrap.h"

#include <cstdint>

namespace coe {

// Wilson's score interval of n_right / n at 95 %; all 0 when n is 0. n_right <= n.
// Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference".
Interval wilson_interval(std::uint64_t n_right, std::uint64_t n);

struct PairedTest {
  double p_exact = 1.0;  // two-sided
  double p_mid = 1.0;    // mid-p: half the weight of the outcome seen, less conservative
};

// McNemar's exact test: of the questions that exactly one of two models got right, whether the
// split n_only_a : n_only_b is that of a fair coin. 1 where they never differ.
// Source: Fagerland, Lydersen & Laake (2013), "The McNemar test for binary matched-pairs data".
PairedTest mcnemar(std::uint64_t n_only_a, std::uint64_t n_only_b);

}  // namespace coe
