#include "coe/mask/builder.h"

#include "coe/base/result.h"
#include "coe/mask/build.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/pass.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/kept_experts.h"
#include "coe/model/moe/top_k.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace coe {

namespace {

bool has_shape(const PassProfile& profile, std::size_t n_layer, std::size_t n_expert) {
  const auto fits = [&](const auto& table) {
    return table.n_layer() == n_layer && table.n_expert() == n_expert;
  };
  return fits(profile.score) && fits(profile.avg_rank) && fits(profile.n_first) &&
         fits(profile.n_chosen);
}

// Positions 1, 2, … by score, ties to the lower id.
void rank_row(std::span<const double> scores, std::span<std::uint32_t> ordinals) {
  std::vector<std::pair<double, std::uint32_t>> order;  // negated, so that ascending is the order
  order.reserve(scores.size());
  for (const double score : scores)
    order.emplace_back(-score, static_cast<std::uint32_t>(order.size()));
  std::ranges::sort(order);
  for (std::uint32_t i = 0; i < order.size(); ++i) ordinals[order[i].second] = i + 1;
}

}  // namespace

Result<MaskBuilder> MaskBuilder::create(PassProfile domain, std::vector<LayerId> layers,
                                        const KeepRule& rule) {
  COE_TRY(const auto mask,
          top_k_mask(domain.score, layers, rule.n_keep, rule.n_group, rule.n_chunk_expert));
  MaskBuilder builder;
  builder.layers_ = std::move(layers);
  builder.rule_ = rule;
  builder.n_unit_ = static_cast<std::uint32_t>(domain.score.n_expert()) / rule.n_chunk_expert;
  builder.group_size_ = builder.n_unit_ / std::max(rule.n_group, 1U);
  const std::size_t n_layer = domain.score.n_layer();
  domain.n_first = domain.n_chosen = ExpertTable<std::int64_t>(n_layer, domain.score.n_expert());
  COE_TRY(builder.domain_, builder.ranked_units_of(domain));
  builder.measure_ = std::move(domain.score);
  builder.kept_ = builder.safe_ = ExpertTable<std::uint8_t>(n_layer, builder.n_unit_);
  for (std::size_t row = 0; row < n_layer; ++row)
    for (const ExpertId id : mask.layers().at(builder.layers_[row]))
      builder.kept_.at(row, id.value / rule.n_chunk_expert) = 1;
  return builder;
}

Result<MaskBuilder::Units> MaskBuilder::units_of(const PassProfile& profile) const {
  const std::uint32_t size = rule_.n_chunk_expert;
  if (!has_shape(profile, layers_.size(), std::size_t{n_unit_} * size))
    return fail(Code::kMismatch,
                fmt::format("{}: its tables are not of {} layers with {} experts", profile.name,
                            layers_.size(), std::size_t{n_unit_} * size));
  if (auto status = check_scores(profile.score, layers_); !status)
    return tl::unexpected<Error>(std::move(status).error().context(profile.name));
  ExpertTable<double> score(layers_.size(), n_unit_);
  ExpertTable<double> avg_rank(layers_.size(), n_unit_);
  ExpertTable<std::int64_t> n_chosen(layers_.size(), n_unit_);
  for (std::size_t row = 0; row < layers_.size(); ++row) {
    for (std::uint32_t e = 0; e < n_unit_ * size; ++e) {
      const std::uint32_t unit = e / size;
      const double rank = profile.avg_rank.at(row, e);
      score.at(row, unit) += profile.score.at(row, e);
      n_chosen.at(row, unit) += profile.n_chosen.at(row, e);
      double& lowest = avg_rank.at(row, unit);
      lowest = e % size == 0 ? rank : std::min(lowest, rank);
    }
  }
  return Units{std::move(score), std::move(avg_rank), std::move(n_chosen), {}};
}

Result<MaskBuilder::Units> MaskBuilder::ranked_units_of(const PassProfile& profile) const {
  COE_TRY(auto units, units_of(profile));
  rank_units(units);
  return units;
}

void MaskBuilder::rank_units(Units& units) const {
  units.ordinal = ExpertTable<std::uint32_t>(layers_.size(), n_unit_);
  for (std::size_t row = 0; row < layers_.size(); ++row)
    rank_row(units.score.row(row), units.ordinal.row(row));
}

Status MaskBuilder::check_experts(std::span<const LayerExpert> experts) const {
  std::set<LayerExpert> seen;
  for (const auto& item : experts) {
    if (std::ranges::find(layers_, item.layer) == layers_.end())
      return fail(Code::kInvalidArgument,
                  fmt::format("layer {}: the model has no experts there", item.layer.value));
    if (item.expert.value >= n_expert())
      return fail(Code::kInvalidArgument,
                  fmt::format("layer {}: names expert {} but the experts are 0 to {}",
                              item.layer.value, item.expert.value, n_expert() - 1));
    if (!seen.insert(item).second)
      return fail(Code::kInvalidArgument, fmt::format("layer {}: names expert {} more than once",
                                                      item.layer.value, item.expert.value));
  }
  return {};
}

Result<MaskBuilder::Wanted> MaskBuilder::rows_of(std::span<const LayerExpert> experts) const {
  COE_TRY_STATUS(check_experts(experts));
  Wanted rows(layers_.size());
  for (const auto& item : experts) {
    const auto row = std::ranges::find(layers_, item.layer) - layers_.begin();
    auto& units = rows[static_cast<std::size_t>(row)];
    const std::uint32_t unit = unit_of(item.expert);
    if (std::ranges::find(units, unit) == units.end()) units.push_back(unit);
  }
  return rows;
}

MaskBuilder::Pools MaskBuilder::evictable(std::size_t row, std::size_t n) const {
  using Key = std::tuple<std::uint32_t, double, std::uint32_t>;  // tier, score, unit
  std::vector<std::vector<Key>> keys(n_unit_ / group_size_);
  for (std::uint32_t unit = 0; unit < n_unit_; ++unit) {
    const std::uint32_t tier = tier_of(domain_.avg_rank.at(row, unit));
    if (kept_.at(row, unit) != 0 && safe_.at(row, unit) == 0 && tier < 4)
      keys[group_of(unit)].emplace_back(tier, domain_.score.at(row, unit), unit);
  }
  Pools pools(keys.size());
  for (std::size_t group = 0; group < keys.size(); ++group) {
    auto& first = keys[group];
    const auto end = first.begin() + static_cast<std::ptrdiff_t>(std::min(n, first.size()));
    std::partial_sort(first.begin(), end, first.end());
    for (auto key = end; key != first.begin();) pools[group].push_back(std::get<2>(*--key));
  }
  return pools;
}

MaskSwap MaskBuilder::describe(std::size_t row, std::uint32_t in, std::uint32_t out,
                               const Units& other) const {
  MaskSwap swap;
  swap.layer = layers_[row];
  swap.in = ExpertId{in * rule_.n_chunk_expert};
  swap.out = ExpertId{out * rule_.n_chunk_expert};
  swap.in_ordinal = other.ordinal.at(row, in);
  swap.out_ordinal = domain_.ordinal.at(row, out);
  swap.in_score = other.score.at(row, in);
  swap.out_score = domain_.score.at(row, out);
  swap.in_avg_rank = other.avg_rank.at(row, in);
  swap.out_avg_rank = domain_.avg_rank.at(row, out);
  swap.in_tier = tier_of(swap.in_avg_rank);
  swap.out_tier = tier_of(swap.out_avg_rank);
  return swap;
}

void MaskBuilder::exchange(std::size_t row, const MaskSwap& swap) {
  const std::uint32_t in = swap.in.value / rule_.n_chunk_expert;
  kept_.at(row, swap.out.value / rule_.n_chunk_expert) = 0;
  kept_.at(row, in) = 1;
  safe_.at(row, in) = 1;
}

// Units that the mask has become safe first, so that no wanted unit gives way to another.
void MaskBuilder::bring_in(std::size_t row, const std::vector<std::uint32_t>& wanted,
                           std::uint32_t cap, const Units* other, PassLog& log) {
  log.n_listed += wanted.size();
  for (const std::uint32_t unit : wanted)
    if (keeps(row, unit)) make_safe(row, unit);
  auto pools = evictable(row, cap);
  std::uint32_t n_placed = 0;
  for (const std::uint32_t unit : wanted) {
    if (keeps(row, unit)) continue;
    auto& pool = pools[group_of(unit)];
    if (n_placed == cap || pool.empty()) {
      log.left_out.push_back({layers_[row], ExpertId{unit * rule_.n_chunk_expert}});
      continue;
    }
    auto swap = describe(row, unit, pool.back(), other != nullptr ? *other : domain_);
    if (other == nullptr) swap.in_ordinal = 0;
    pool.pop_back();
    exchange(row, swap);
    log.swaps.push_back(swap);
    n_placed += 1;
  }
}

PassLog MaskBuilder::begin_log() const {
  PassLog log;
  log.before = log.after = covered();
  return log;
}

void MaskBuilder::finish_log(PassLog& log) const {
  const auto by_layer = [](const auto& a, const auto& b) { return a.layer < b.layer; };
  std::stable_sort(log.swaps.begin(), log.swaps.end(), by_layer);
  std::stable_sort(log.dropped.begin(), log.dropped.end(), by_layer);
  std::stable_sort(log.left_out.begin(), log.left_out.end(), by_layer);
  log.after = covered();
}

KeepMask MaskBuilder::mask() const {
  KeptExperts kept;
  for (std::size_t row = 0; row < layers_.size(); ++row) {
    std::vector<ExpertId> ids;
    ids.reserve(rule_.n_keep);
    for (std::uint32_t e = 0; e < n_unit_ * rule_.n_chunk_expert; ++e)
      if (kept_.at(row, e / rule_.n_chunk_expert) != 0) ids.push_back(ExpertId{e});
    kept.emplace(layers_[row], std::move(ids));
  }
  auto mask = KeepMask::of(n_unit_ * rule_.n_chunk_expert, std::move(kept));
  COE_CHECK(mask.has_value());
  return *std::move(mask);
}

Coverage MaskBuilder::covered() const {
  return coverage(measure_, [&](std::size_t row, std::uint32_t expert) {
    return kept_.at(row, expert / rule_.n_chunk_expert) != 0;
  });
}

}  // namespace coe
