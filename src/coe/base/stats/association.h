// Does one thing said of ordered pairs of n items go with another? Correlations, and the difference
// between near and far pairs, for square tables whose diagonal means nothing. The n(n-1) pairs
// share their items, so they are no independent sample: tests permute the labels of the items, and
// intervals draw items, never pairs.
#pragma once

#include "coe/base/stats/bootstrap.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace coe {

enum class Correlation : std::uint8_t { kPearson, kSpearman };

// A test that permutes labels gives p, the share of relabellings that do at least as well as what
// was found, the identity among them. All n! while there are at most 5,040, else 10,000 drawn at
// random beside the identity.
struct PermutationTest {
  double p = 1.0;
  std::uint64_t n_permutation = 0;
  bool exact = false;
};

struct Association {
  std::size_t n_pair = 0;
  Interval r;  // bounds: vertex bootstrap
  PermutationTest test;
};

// Associates `x` and `y` over the pairs (i,j), i != j. Shapes: [n,n] each, rows first. The test is
// two-sided: |r| after the rows and columns of x are relabelled alike (Mantel). The interval draws
// n items with replacement; a pair of an item with itself is replaced by a random pair. Spearman's
// is Pearson's of ranks, ties at their mean. nullopt for n < 3 or where x or y is constant. Source:
// Mantel, "The detection of disease clustering and a generalized regression approach", Cancer
// Research 27 (1967); Snijders & Borgatti, "Non-parametric standard errors and tests for network
// statistics", Connections 22 (1999).
std::optional<Association> associate(std::span<const double> x, std::span<const double> y,
                                     std::size_t n, Correlation kind,
                                     const BootstrapOptions& options = {});

// Near pairs: those whose similarity is above the median of all pairs. Source: docs/method.md,
// section 6, "near pairs must beat far pairs".
struct NearFar {
  std::size_t n_near = 0;
  std::size_t n_far = 0;
  double near_mean = 0.0;  // of the value
  double far_mean = 0.0;
  PermutationTest test;  // one-sided: near_mean - far_mean, similarity relabelled
  // This counts, of the pairs of pairs (a,b) near and (a,c) far with one first item, how often the
  // near one's value is higher.
  std::size_t n_compared = 0;
  std::size_t n_near_higher = 0;
  std::vector<bool> near;  // [n,n]; false on the diagonal
};

// Shapes: [n,n] each. nullopt for n < 3 or where no pair is above the median.
std::optional<NearFar> near_far(std::span<const double> similarity, std::span<const double> value,
                                std::size_t n, std::uint64_t seed = 1);

}  // namespace coe
