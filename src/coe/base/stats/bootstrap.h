// Intervals come from the bootstrap over records: tokens of one record depend on each other,
// records do not.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace coe {

struct Interval {
  double value = 0.0;  // of the records as they are
  double lower = 0.0;
  double upper = 0.0;
};

struct BootstrapOptions {
  std::uint32_t n_replicate = 2000;
  double level = 0.95;
  std::uint64_t seed = 1;
};

// Gives the interval of sum(numerator) / sum(denominator) over records, which are drawn with
// replacement, the same ones for both: so a mean over tokens (denominator: tokens of each record)
// and the paired comparison of two models (both: the same measure). Percentile intervals;
// deterministic. Replicates with a sum of 0 below are left out; value and bounds are 0 when the
// whole sum is. Shapes: [records], equal. Source: Efron & Tibshirani, "An Introduction to the
// Bootstrap" (1993), chapter 13.
Interval ratio_interval(std::span<const double> numerator, std::span<const double> denominator,
                        const BootstrapOptions& options = {});

// The percentiles that bound `level` of the replicates of a statistic, in any order; `value` for
// both when there are none.
Interval percentile_interval(double value, std::vector<double> replicates, double level);

}  // namespace coe
