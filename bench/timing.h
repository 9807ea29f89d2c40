// Every benchmark takes its times so.
#pragma once

#include <chrono>

namespace coe::bench {

inline double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace coe::bench
