// How many experts of each layer a specialist keeps, as people say it.
#pragma once

#include "coe/base/result.h"
#include "coe/model/moe/expert_grid.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace coe {

// A number, or a share of a model that is not known yet.
struct KeepCount {
  std::uint32_t n_keep = 0;  // 0: `share` says it
  double share = 0.0;        // above 0, below 1
  bool operator==(const KeepCount&) const = default;
};

// Reads "64", "50%" or "half". Errors: kInvalidArgument.
Result<KeepCount> parse_keep(std::string_view text);

// K can only be a multiple of this: groups keep equally many, chunks are kept whole.
std::uint32_t keep_step(const ExpertGrid& grid);

// All K, ascending, that a specialist of the model can have.
std::vector<std::uint32_t> possible_counts(const ExpertGrid& grid);

// The number for a model: a share is rounded down to a possible K, a number is what it is. Errors:
// kInvalidArgument for a share below what a token uses.
Result<std::uint32_t> keep_count(const KeepCount& keep, const ExpertGrid& grid);

}  // namespace coe
