#include "coe/base/stats/paired.h"

#include "coe/base/result.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace coe {
namespace {

constexpr double kZ95 = 1.959963984540054;  // the normal's 97.5 % quantile

}  // namespace

Interval wilson_interval(std::uint64_t n_right, std::uint64_t n) {
  COE_CHECK(n_right <= n);
  if (n == 0) return {};
  const auto count = static_cast<double>(n);
  const double share = static_cast<double>(n_right) / count;
  const double z2 = kZ95 * kZ95;
  const double middle = (share + z2 / (2 * count)) / (1 + z2 / count);
  const double half =
      kZ95 / (1 + z2 / count) * std::sqrt(share * (1 - share) / count + z2 / (4 * count * count));
  return {share, n_right == 0 ? 0.0 : std::max(0.0, middle - half),
          n_right == n ? 1.0 : std::min(1.0, middle + half)};
}

PairedTest mcnemar(std::uint64_t n_only_a, std::uint64_t n_only_b) {
  const std::uint64_t n = n_only_a + n_only_b;
  if (n == 0) return {};
  const std::uint64_t fewer = std::min(n_only_a, n_only_b);
  double log_choose = 0.0;  // of n over i, built up factor by factor
  double tail = 0.0;
  double last = 0.0;
  for (std::uint64_t i = 0; i <= fewer; ++i) {
    if (i > 0)
      log_choose += std::log(static_cast<double>(n - i + 1)) - std::log(static_cast<double>(i));
    last = std::exp(log_choose - static_cast<double>(n) * std::numbers::ln2);
    tail += last;
  }
  return {std::min(1.0, 2 * tail), std::min(1.0, 2 * tail - last)};
}

}  // namespace coe
