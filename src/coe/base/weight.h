// Weights of text, sub-domains and profiles, whoever gives them. They have bounds, so that sums and
// products of them stay numbers: two weights of 1e308 gave scores of nothing.
#pragma once

#include <string_view>

namespace coe {

inline constexpr double kLeastWeight = 1e-9;
inline constexpr double kMostWeight = 1e9;
inline constexpr std::string_view kWeightBounds = "above 0, from 1e-9 to 1e9";

// False for what is no number, too.
constexpr bool is_weight(double weight) { return weight >= kLeastWeight && weight <= kMostWeight; }

}  // namespace coe
