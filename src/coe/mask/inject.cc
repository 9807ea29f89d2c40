// Passes 4 and 5 of the mask: experts that are wanted whatever they score.
#include "coe/base/result.h"
#include "coe/mask/builder.h"
#include "coe/mask/pass.h"
#include "coe/moe/expert_table.h"
#include "coe/moe/ids.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

namespace coe {

namespace {

// Each expert's share of its layer's choices, and whether that is above `lift` times the mean.
struct Firing {
  ExpertTable<double> share;
  ExpertTable<std::uint8_t> fires;
};

Firing firing(const ExpertTable<std::int64_t>& n_chosen, double lift) {
  const std::size_t n_expert = n_chosen.n_expert();
  Firing out{ExpertTable<double>(n_chosen.n_layer(), n_expert),
             ExpertTable<std::uint8_t>(n_chosen.n_layer(), n_expert)};
  for (std::size_t l = 0; l < n_chosen.n_layer(); ++l) {
    const auto row = n_chosen.row(l);
    const auto total =
        static_cast<double>(std::accumulate(row.begin(), row.end(), std::int64_t{0}));
    for (std::size_t e = 0; e < n_expert && total > 0.0; ++e) {
      const auto count = static_cast<double>(row[e]);
      out.share.at(l, e) = count / total;
      // Multiplied out, so that an expert exactly at the mean is not above it.
      out.fires.at(l, e) = count * static_cast<double>(n_expert) > lift * total ? 1 : 0;
    }
  }
  return out;
}

}  // namespace

// What is in the mask already becomes safe first, so that no wanted unit gives way to another.
void MaskBuilder::place(std::size_t row, const std::vector<std::uint32_t>& wanted,
                        std::uint32_t cap, const Units* other, PassLog& log) {
  log.n_listed += wanted.size();
  for (const std::uint32_t unit : wanted)
    if (kept_.at(row, unit) != 0) safe_.at(row, unit) = 1;
  auto pools = evictable(row, cap);
  std::uint32_t n_placed = 0;
  for (const std::uint32_t unit : wanted) {
    if (kept_.at(row, unit) != 0) continue;
    auto& pool = pools[group_of(unit)];
    if (n_placed == cap || pool.empty()) {
      log.left_out.push_back({layers_[row], ExpertId{unit * rule_.n_chunk_expert}});
      continue;
    }
    auto swap = describe(row, unit, pool.back(), other != nullptr ? *other : domain_);
    if (other == nullptr) swap.in_ordinal = 0;
    pool.pop_back();
    apply(row, swap);
    log.swaps.push_back(swap);
    n_placed += 1;
  }
}

Result<PassLog> MaskBuilder::close(const PassProfile& one, const PassProfile& two,
                                   const ClosureRule& rule) {
  PassLog log;
  log.before = log.after = covered();
  COE_TRY(auto first, units_of(one));
  COE_TRY(auto second, units_of(two));
  if (rule.cap == 0) return log;
  const auto firing_one = firing(one.n_chosen, rule.lift);
  const auto firing_two = firing(two.n_chosen, rule.lift);
  ExpertTable<double> share(layers_.size(), n_unit_);
  ExpertTable<std::uint8_t> fires(layers_.size(), n_unit_);
  for (std::size_t row = 0; row < layers_.size(); ++row) {
    for (std::uint32_t e = 0; e < n_unit_ * rule_.n_chunk_expert; ++e) {
      const std::uint32_t unit = e / rule_.n_chunk_expert;
      share.at(row, unit) += std::min(firing_one.share.at(row, e), firing_two.share.at(row, e));
      if (firing_one.fires.at(row, e) != 0 && firing_two.fires.at(row, e) != 0)
        fires.at(row, unit) = 1;
    }
    for (std::uint32_t unit = 0; unit < n_unit_; ++unit)
      first.avg_rank.at(row, unit) =
          std::max(first.avg_rank.at(row, unit), second.avg_rank.at(row, unit));
  }
  Units both{std::move(share), std::move(first.avg_rank), std::move(first.n_chosen), {}};
  rank_units(both);
  for (std::size_t row = 0; row < layers_.size(); ++row) {
    std::vector<std::uint32_t> wanted;
    for (std::uint32_t unit = 0; unit < n_unit_; ++unit)
      if (fires.at(row, unit) != 0) wanted.push_back(unit);
    std::ranges::sort(wanted, {}, [&](std::uint32_t unit) { return both.ordinal.at(row, unit); });
    place(row, wanted, rule.cap, &both, log);
  }
  finish(log);
  return log;
}

Result<PassLog> MaskBuilder::inject(std::span<const LayerExpert> experts, std::uint32_t cap) {
  PassLog log;
  log.before = log.after = covered();
  COE_TRY(const auto rows, rows_of(experts));
  if (cap == 0) return log;
  for (std::size_t row = 0; row < rows.size(); ++row) place(row, rows[row], cap, nullptr, log);
  finish(log);
  return log;
}

}  // namespace coe
