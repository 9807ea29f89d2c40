// This says how alike masks are as sets: Jaccard and F1, the backbone that all share, and what of
// the rest two have in common. Reads masks only. Source: docs/method.md, section 6.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/ids.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coe {

struct NamedMask {
  std::string name;  // in messages, tables and pictures: its file
  KeepMask mask;
};

// "A", "B", …, "Z", "AA", …: short for the mask at this position.
std::string mask_letter(std::size_t position);

// The Jaccard index that two masks of `a` and `b` out of `n_expert` experts have by chance: of the
// experts that are expected to be in both and in either. 1/3 where both keep half.
double jaccard_by_chance(std::uint32_t a, std::uint32_t b, std::uint32_t n_expert);

// Refuses masks that cannot be compared: fewer than two (kInvalidArgument); different parents,
// expert counts or layers, or ids beyond another's expert count (kMismatch, naming both masks,
// layers and ids). K may differ.
Status check_comparable(std::span<const NamedMask> masks);

// |R(A) ∩ R(B)| / |R(A)|; nullopt where R(A) is empty, for then nothing is left to be shared. Over
// all layers: both sums pooled, so layers with a large residual count for more and empty ones not
// at all.
struct DirectedF {
  std::optional<double> pooled;
  std::vector<std::optional<double>> layers;  // [L]
};

struct PairOverlap {
  std::size_t a = 0;  // positions among the masks, a < b
  std::size_t b = 0;
  std::vector<double> jaccard;  // [L] |A ∩ B| / |A ∪ B|
  std::vector<double> f1;       // [L] 2J/(1+J), which is 2|A ∩ B| / (|A|+|B|)
  double jaccard_mean = 0.0;
  std::size_t lowest = 0;  // rows of the lowest and highest Jaccard index, the first of equals
  std::size_t highest = 0;
  double f1_mean = 0.0;
  DirectedF a_to_b;
  DirectedF b_to_a;
};

struct Overlap {
  std::vector<LayerId> layers;                  // [L], ascending
  std::uint32_t n_expert = 0;                   // 0: no mask says
  std::vector<std::vector<ExpertId>> backbone;  // [L] U: ids in every mask, ascending
  // [M][L] R = mask - U, ascending. Of two masks the residuals are disjoint, so F is 0 there: F
  // says something from three masks on.
  std::vector<std::vector<std::vector<ExpertId>>> residual;
  std::vector<PairOverlap> pairs;  // (0,1), (0,2), …, (1,2), …
};

// Errors: those of check_comparable.
Result<Overlap> overlap_of(std::span<const NamedMask> masks);

}  // namespace coe
