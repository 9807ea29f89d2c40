#include "coe/model/moe/top_k.h"

#include "coe/base/result.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coe {

namespace {

// Experts that are kept or removed as one, and what they score together.
struct Unit {
  std::uint32_t first = 0;
  double score = 0.0;
};

}  // namespace

Status check_keep_rule(const KeepRule& rule, std::size_t n_expert) {
  const std::uint32_t n_group = std::max(rule.n_group, 1U);
  if (rule.n_keep == 0)
    return fail(Code::kInvalidArgument, "K = 0 keeps no expert",
                "choose K of at least the experts used per token");
  if (rule.n_keep > n_expert)
    return fail(Code::kInvalidArgument,
                fmt::format("K = {} is above the {} experts of a layer", rule.n_keep, n_expert),
                fmt::format("choose K below {}", n_expert));
  const std::uint64_t step = std::uint64_t{n_group} * rule.n_chunk_expert;
  if (n_expert % step != 0)
    return fail(Code::kInvalidArgument,
                fmt::format("{} experts do not fill {} equal groups in chunks of {}", n_expert,
                            n_group, rule.n_chunk_expert));
  if (rule.n_keep % step != 0)
    return fail(Code::kInvalidArgument,
                fmt::format("K = {} is no multiple of {} ({} expert groups, {} experts a chunk)",
                            rule.n_keep, step, n_group, rule.n_chunk_expert),
                fmt::format("choose K as a multiple of {}", step));
  return {};
}

std::vector<std::uint32_t> top_k(std::span<const double> scores, const KeepRule& rule) {
  const std::size_t n_run = std::max(rule.n_group, 1U);
  const auto run_size = static_cast<std::ptrdiff_t>(scores.size() / n_run / rule.n_chunk_expert);
  const auto n_each = static_cast<std::ptrdiff_t>(rule.n_keep / n_run / rule.n_chunk_expert);
  std::vector<Unit> units;
  units.reserve(scores.size() / rule.n_chunk_expert);
  for (std::uint32_t e = 0; e < scores.size(); ++e) {
    if (e % rule.n_chunk_expert == 0) units.push_back({e, 0.0});
    units.back().score += scores[e];
  }
  std::vector<std::uint32_t> ids;
  ids.reserve(rule.n_keep);
  for (auto run = units.begin(); run != units.end(); run += run_size) {
    // The order is total, so the first n_each are the same however they are found.
    if (n_each < run_size)
      std::nth_element(run, run + n_each, run + run_size, [](const Unit& a, const Unit& b) {
        return a.score != b.score ? a.score > b.score : a.first < b.first;
      });
    for (auto unit = run; unit != run + n_each; ++unit)
      for (std::uint32_t member = 0; member < rule.n_chunk_expert; ++member)
        ids.push_back(unit->first + member);
  }
  return ids;
}

}  // namespace coe
