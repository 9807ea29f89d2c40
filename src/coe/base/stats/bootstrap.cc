#include "coe/base/stats/bootstrap.h"

#include "coe/base/result.h"
#include "coe/base/rng.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

namespace coe {

Interval ratio_interval(std::span<const double> numerator, std::span<const double> denominator,
                        const BootstrapOptions& options) {
  COE_CHECK(numerator.size() == denominator.size());
  const double above = std::accumulate(numerator.begin(), numerator.end(), 0.0);
  const double below = std::accumulate(denominator.begin(), denominator.end(), 0.0);
  if (below == 0.0) return {};
  Rng rng(options.seed);
  std::vector<double> ratios;
  ratios.reserve(options.n_replicate);
  for (std::uint32_t r = 0; r < options.n_replicate; ++r) {
    double a = 0.0;
    double b = 0.0;
    for (std::size_t i = 0; i < numerator.size(); ++i) {
      const auto at = rng.below(numerator.size());
      a += numerator[at];
      b += denominator[at];
    }
    if (b != 0.0) ratios.push_back(a / b);
  }
  return percentile_interval(above / below, std::move(ratios), options.level);
}

Interval percentile_interval(double value, std::vector<double> replicates, double level) {
  if (replicates.empty()) return {value, value, value};
  std::ranges::sort(replicates);
  const double tail = (1.0 - level) / 2.0;
  const auto last = static_cast<double>(replicates.size() - 1);
  const auto at = [&](double quantile) {
    return replicates[static_cast<std::size_t>(std::lround(quantile * last))];
  };
  return {value, at(tail), at(1.0 - tail)};
}

}  // namespace coe
