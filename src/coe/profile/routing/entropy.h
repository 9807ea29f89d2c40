// Entropy says how evenly a layer's routing spreads over its experts.
#pragma once

#include <span>

namespace coe {

// -sum p ln p / ln n with p = value / total: 1 when all n values are equal, 0 when one has
// everything, and 0 where nothing was routed (total 0) or there is one value only. Values are not
// negative. Source: Shannon, "A Mathematical Theory of Communication" (1948), divided by its
// largest value.
double normalised_entropy(std::span<const double> values);

}  // namespace coe
