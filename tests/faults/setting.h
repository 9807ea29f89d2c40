// Settings from the environment, by which scripts/faults.sh asks for more than ctest does.
#pragma once

#include <cstdint>
#include <cstdlib>

namespace coe::testing {

// The setting as a number, or `fallback`.
inline std::uint64_t fault_setting(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

}  // namespace coe::testing
