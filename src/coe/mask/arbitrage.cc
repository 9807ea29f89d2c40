// Passes 3 and 6 of the mask.
#include "coe/base/result.h"
#include "coe/mask/builder.h"
#include "coe/mask/pass.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace coe {

// Whether the swap's incoming unit, by its place in `other`, beats the outgoing one.
bool MaskBuilder::outranks(std::size_t row, const MaskSwap& swap, const Units& other) const {
  const std::uint32_t in = swap.in.value / rule_.n_chunk_expert;
  const std::uint32_t ordinal = other.ordinal.at(row, in);
  if (ordinal != swap.out_ordinal) return ordinal < swap.out_ordinal;
  return other.avg_rank.at(row, in) < swap.out_avg_rank;
}

std::vector<MaskSwap> MaskBuilder::plan_arbitrage(std::size_t row, const Units& other,
                                                  const ArbitrageRule& rule) const {
  std::vector<std::uint32_t> candidates;
  for (std::uint32_t unit = 0; unit < n_unit_; ++unit)
    if (kept_.at(row, unit) == 0 && other.n_chosen.at(row, unit) > 0) candidates.push_back(unit);
  std::ranges::sort(candidates, {},
                    [&](std::uint32_t unit) { return other.ordinal.at(row, unit); });
  auto pools = evictable(row, std::size_t{rule.cap} + 1);
  std::vector<MaskSwap> swaps;
  for (std::size_t i = rule.skip; i < candidates.size() && swaps.size() < rule.cap; ++i) {
    auto& pool = pools[group_of(candidates[i])];
    if (pool.empty()) continue;
    const auto swap = describe(row, candidates[i], pool.back(), other);
    if (outranks(row, swap, other)) {
      pool.pop_back();
      swaps.push_back(swap);
    } else {
      pool.clear();  // the group is done
    }
  }
  return swaps;
}

Result<PassLog> MaskBuilder::arbitrate(const PassProfile& other, const ArbitrageRule& rule,
                                       const PassProfile* other_temperature) {
  PassLog log;
  log.before = covered();
  COE_TRY(const auto units, ranked_units_of(other));
  std::optional<Units> second;
  if (other_temperature != nullptr) {
    COE_TRY(second, ranked_units_of(*other_temperature));
  }
  for (std::size_t row = 0; row < layers_.size(); ++row) {
    const auto swaps = plan_arbitrage(row, units, rule);
    const auto there = second ? plan_arbitrage(row, *second, rule) : std::vector<MaskSwap>();
    for (const auto& swap : swaps) {
      const bool holds =
          !second || (std::ranges::find(there, swap.in, &MaskSwap::in) != there.end() &&
                      outranks(row, swap, *second));
      if (holds) apply(row, swap);
      (holds ? log.swaps : log.dropped).push_back(swap);
    }
  }
  finish(log);
  return log;
}

}  // namespace coe
