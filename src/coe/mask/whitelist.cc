// Pass 2 of the mask.
#include "coe/base/result.h"
#include "coe/mask/builder.h"
#include "coe/mask/pass.h"
#include "coe/moe/id_list.h"
#include "coe/moe/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace coe {

struct MaskBuilder::Whitelisted {
  // By unit, why it is listed: average rank, -times first, profile; the least of those that hold.
  std::vector<std::optional<std::tuple<double, std::int64_t, std::uint32_t>>> reason;
  std::vector<std::vector<ExpertId>> experts;  // by group
};

MaskBuilder::Whitelisted MaskBuilder::find_whitelisted(std::size_t row,
                                                       std::span<const PassProfile> profiles,
                                                       const WhitelistRule& rule) const {
  Whitelisted out{decltype(out.reason)(n_unit_), decltype(out.experts)(n_unit_ / group_size_)};
  for (std::uint32_t e = 0; e < n_unit_ * rule_.n_chunk_expert; ++e) {
    const std::uint32_t unit = e / rule_.n_chunk_expert;
    bool any = false;
    for (std::uint32_t p = 0; p < profiles.size(); ++p) {
      const double avg_rank = profiles[p].avg_rank.at(row, e);
      const std::int64_t n_first = profiles[p].n_first.at(row, e);
      if (avg_rank > rule.max_avg_rank || n_first < rule.min_first) continue;
      any = true;
      const std::tuple found{avg_rank, -n_first, p};
      auto& best = out.reason[unit];
      if (!best || found < *best) best = found;
    }
    if (any) out.experts[group_of(unit)].push_back(ExpertId{e});
  }
  return out;
}

Error MaskBuilder::overflow(std::size_t row, std::size_t group, const Whitelisted& listed,
                            std::size_t n_exempt) const {
  const std::size_t n_place = rule_.n_keep / listed.experts.size();
  std::string place = listed.experts.size() > 1 ? fmt::format(" of group {}", group) : "";
  if (rule_.n_chunk_expert > 1) place += fmt::format(" in chunks of {}", rule_.n_chunk_expert);
  if (n_exempt > 0) place += fmt::format(", {} of them exempt", n_exempt * rule_.n_chunk_expert);
  return {Code::kInvalidArgument,
          fmt::format("layer {}: the whitelist guarantees {} a place, more than the {} places{}",
                      layers_[row].value, expert_list(listed.experts[group]), n_place, place),
          "choose a larger K, fewer whitelist profiles, a lower average rank or more first places"};
}

Status MaskBuilder::rescue(std::size_t row, std::size_t group, const Whitelisted& listed,
                           const std::vector<Units>& profiles, PassLog& log) {
  std::vector<std::uint32_t> rescued;
  std::vector<std::uint32_t> weakest;
  std::size_t n_exempt = 0;
  const auto first = static_cast<std::uint32_t>(group) * group_size_;
  for (std::uint32_t unit = first; unit < first + group_size_; ++unit) {
    const bool kept = kept_.at(row, unit) != 0;
    if (listed.reason[unit]) {
      log.n_listed += 1;
      if (!kept) rescued.push_back(unit);
    } else if (kept && safe_.at(row, unit) != 0) {
      n_exempt += 1;
    } else if (kept) {
      weakest.push_back(unit);
    }
  }
  if (rescued.size() > weakest.size())
    return tl::unexpected<Error>(overflow(row, group, listed, n_exempt));
  const auto ordinal = [&](std::uint32_t unit) { return domain_.ordinal.at(row, unit); };
  std::ranges::sort(rescued, {}, ordinal);
  std::ranges::sort(weakest, std::ranges::greater{}, ordinal);
  for (std::size_t i = 0; i < rescued.size(); ++i) {
    const std::uint32_t profile = std::get<2>(*listed.reason[rescued[i]]);
    auto swap = describe(row, rescued[i], weakest[i], profiles[profile]);
    swap.profile = profile;
    apply(row, swap);
    log.swaps.push_back(swap);
  }
  return {};
}

Result<PassLog> MaskBuilder::whitelist(std::span<const PassProfile> profiles,
                                       const WhitelistRule& rule) {
  PassLog log;
  log.before = covered();
  std::vector<Units> units;
  for (const auto& profile : profiles) {
    COE_TRY(units.emplace_back(), ranked_units_of(profile));
  }
  for (std::size_t row = 0; row < layers_.size(); ++row) {
    const auto listed = find_whitelisted(row, profiles, rule);
    for (std::size_t group = 0; group < listed.experts.size(); ++group)
      COE_TRY_STATUS(rescue(row, group, listed, units, log));
    for (std::uint32_t unit = 0; unit < n_unit_; ++unit)
      if (listed.reason[unit]) safe_.at(row, unit) = 1;
  }
  finish(log);
  return log;
}

}  // namespace coe
