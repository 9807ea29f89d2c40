#include "coe/model/moe/keep_count.h"

#include "coe/base/parse.h"
#include "coe/base/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace coe {

namespace {

constexpr double kMost = 1 << 20;  // more than any model has

}  // namespace

Result<KeepCount> parse_keep(std::string_view text) {
  if (text == "half") return KeepCount{.share = 0.5};
  const auto bad = [&] {
    return fail(Code::kInvalidArgument,
                fmt::format("`{}` is no number of experts to keep", printable(text)),
                "for example 64, 50% or half");
  };
  const bool is_share = text.ends_with('%');
  const auto number = is_share ? text.substr(0, text.size() - 1) : text;
  double value = 0.0;
  if (!parse_number(number, value)) return bad();
  if (is_share) {
    if (!(value > 0.0 && value < 100.0)) return bad();
    return KeepCount{.share = value / 100.0};
  }
  if (!(value >= 1.0 && value <= kMost) || value != std::floor(value)) return bad();
  return KeepCount{.n_keep = static_cast<std::uint32_t>(value)};
}

std::uint32_t keep_step(const ExpertGrid& grid) {
  return std::max(grid.n_expert_group, 1U) * grid.n_chunk_expert;
}

std::vector<std::uint32_t> possible_counts(const ExpertGrid& grid) {
  std::vector<std::uint32_t> counts;
  const auto step = keep_step(grid);
  // A group of one expert has no second to choose its rank by.
  const std::uint32_t least =
      std::max(grid.n_expert_used, grid.n_expert_group > 1 ? 2 * grid.n_expert_group : 1U);
  for (std::uint32_t k = step; k < grid.n_expert; k += step)
    if (k >= least) counts.push_back(k);
  return counts;
}

Result<std::uint32_t> keep_count(const KeepCount& keep, const ExpertGrid& grid) {
  if (keep.n_keep > 0) return keep.n_keep;
  // A share that was meant to be a whole number of experts is one: 1.1 % of 1000 are 11.
  const auto wanted = static_cast<std::uint32_t>(keep.share * grid.n_expert + 1e-9);
  const auto counts = possible_counts(grid);
  const auto above = std::ranges::upper_bound(counts, wanted);
  if (above == counts.begin())
    return fail(Code::kInvalidArgument,
                fmt::format("{:g} % of {} experts are {}, too few for the {} used per token",
                            100.0 * keep.share, grid.n_expert, wanted, grid.n_expert_used),
                counts.empty() ? "" : fmt::format("keep at least {}", counts.front()));
  return *(above - 1);
}

}  // namespace coe
