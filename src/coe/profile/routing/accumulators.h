// The floating-point accumulators of a sub-domain as a table, so that merging, checking and the
// file form treat each of them and none is forgotten. Source: docs/method.md, section 2.1.
#pragma once

#include "coe/profile/routing/stats.h"

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

namespace coe {

enum class Axes { kRanked, kFlat, kLayer };  // [L,E,R], [L,E], [L]

// In which profiles an accumulator is.
enum class Kept {
  kAlways,
  kOutputs,  // those taken with expert outputs
  kSquares,  // and with their squares
};

struct Accumulator {
  std::string_view name;  // of the tensor in the file
  std::vector<double> DomainStats::* values;
  Axes axes;
  Kept kept;
  bool is_signed;  // may be negative
};

// `decisive` is signed: a selection bias can put an expert of lower weight first.
inline constexpr std::array kAccumulators = {
    Accumulator{"weight_sum", &DomainStats::weight_sum, Axes::kRanked, Kept::kAlways, false},
    Accumulator{"freq_by_sample", &DomainStats::freq_by_sample, Axes::kRanked, Kept::kAlways,
                false},
    Accumulator{"weight_mean_by_sample", &DomainStats::weight_mean_by_sample, Axes::kRanked,
                Kept::kAlways, false},
    Accumulator{"decisive", &DomainStats::decisive, Axes::kRanked, Kept::kAlways, true},
    Accumulator{"output_norm", &DomainStats::output_norm, Axes::kFlat, Kept::kOutputs, false},
    Accumulator{"gated_norm", &DomainStats::gated_norm, Axes::kFlat, Kept::kOutputs, false},
    Accumulator{"output_share", &DomainStats::output_share, Axes::kFlat, Kept::kOutputs, false},
    Accumulator{"moe_ratio", &DomainStats::moe_ratio, Axes::kLayer, Kept::kOutputs, false},
    Accumulator{"output_square", &DomainStats::output_square, Axes::kFlat, Kept::kSquares, false},
};

inline bool is_kept(Kept kept, bool with_outputs, bool with_squares) {
  switch (kept) {
    case Kept::kAlways:
      return true;
    case Kept::kOutputs:
      return with_outputs;
    case Kept::kSquares:
      break;
  }
  return with_squares;
}

inline std::size_t size_of(Axes axes, const ExpertGrid& shape) {
  switch (axes) {
    case Axes::kRanked:
      return shape.n_ranked();
    case Axes::kFlat:
      return shape.n_flat();
    case Axes::kLayer:
      break;
  }
  return shape.n_layer();
}

}  // namespace coe
