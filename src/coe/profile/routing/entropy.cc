#include "coe/profile/routing/entropy.h"

#include <cmath>
#include <numeric>
#include <span>

namespace coe {

double normalised_entropy(std::span<const double> values) {
  const double total = std::accumulate(values.begin(), values.end(), 0.0);
  if (values.size() < 2 || !(total > 0.0)) return 0.0;
  double sum = 0.0;
  for (const double value : values)
    if (value > 0.0) sum -= value / total * std::log(value / total);
  return sum / std::log(static_cast<double>(values.size()));
}

}  // namespace coe
