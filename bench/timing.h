// Every benchmark treats its times so.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace coe::bench {

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// 0 of nothing.
inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  const auto n = values.size();
  return n == 0 ? 0.0 : (values[(n - 1) / 2] + values[n / 2]) / 2;
}

}  // namespace coe::bench
