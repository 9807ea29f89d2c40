#include "coe/mask/recipe/passes/arbitrage.h"

#include "coe/base/json.h"
#include "coe/base/result.h"
#include "coe/mask/builder.h"
#include "coe/mask/pass.h"

#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Units = MaskBuilder::Units;

// Says whether the swap's incoming unit, by its place in `other`, beats the outgoing one.
bool outranks(const MaskBuilder& mask, std::size_t row, const MaskSwap& swap, const Units& other) {
  const std::uint32_t in = mask.unit_of(swap.in);
  const std::uint32_t ordinal = other.ordinal.at(row, in);
  if (ordinal != swap.out_ordinal) return ordinal < swap.out_ordinal;
  return other.avg_rank.at(row, in) < swap.out_avg_rank;
}

std::vector<MaskSwap> plan_arbitrage(const MaskBuilder& mask, std::size_t row, const Units& other,
                                     const ArbitrageRule& rule) {
  std::vector<std::uint32_t> candidates;
  for (std::uint32_t unit = 0; unit < mask.n_unit(); ++unit)
    if (!mask.keeps(row, unit) && other.n_chosen.at(row, unit) > 0) candidates.push_back(unit);
  std::ranges::sort(candidates, {},
                    [&](std::uint32_t unit) { return other.ordinal.at(row, unit); });
  auto pools = mask.evictable(row, std::size_t{rule.cap} + 1);
  std::vector<MaskSwap> swaps;
  for (std::size_t i = rule.skip; i < candidates.size() && swaps.size() < rule.cap; ++i) {
    auto& pool = pools[mask.group_of(candidates[i])];
    if (pool.empty()) continue;
    const auto swap = mask.describe(row, candidates[i], pool.back(), other);
    if (outranks(mask, row, swap, other)) {
      pool.pop_back();
      swaps.push_back(swap);
    } else {
      pool.clear();  // the group is done
    }
  }
  return swaps;
}

std::string arbitrage_reason(const MaskSwap& swap) {
  if (swap.in_ordinal < swap.out_ordinal)
    return fmt::format("{} before {}", swap.in_ordinal, swap.out_ordinal);
  return "equal places, lower avg rank";
}

}  // namespace

Result<PassLog> arbitrate(MaskBuilder& mask, const PassProfile& other, const ArbitrageRule& rule,
                          const PassProfile* other_temperature) {
  auto log = mask.begin_log();
  COE_TRY(const auto units, mask.ranked_units_of(other));
  std::optional<Units> second;
  if (other_temperature != nullptr) {
    COE_TRY(second, mask.ranked_units_of(*other_temperature));
  }
  for (std::size_t row = 0; row < mask.n_row(); ++row) {
    const auto swaps = plan_arbitrage(mask, row, units, rule);
    const auto there = second ? plan_arbitrage(mask, row, *second, rule) : std::vector<MaskSwap>();
    for (const auto& swap : swaps) {
      const bool holds =
          !second || (std::ranges::find(there, swap.in, &MaskSwap::in) != there.end() &&
                      outranks(mask, row, swap, *second));
      if (holds) mask.exchange(row, swap);
      (holds ? log.swaps : log.dropped).push_back(swap);
    }
  }
  mask.finish_log(log);
  return log;
}

std::strong_ordering ArbitragePass::operator<=>(const ArbitragePass& other) const {
  const auto key = [](const ArbitragePass& p) {
    return std::tie(p.profile, p.rule, p.score, p.domains, p.t06);
  };
  return key(*this) <=> key(other);
}

void ArbitragePass::sort() { std::ranges::sort(domains); }

Result<PassResult> ArbitragePass::run(PassSources& sources, MaskBuilder& mask) const {
  COE_TRY(const auto other, sources.tables(profile, score, domains));
  PassResult out{{sources.label(profile)}, {}, {}};
  std::optional<PassProfile> second;
  if (!t06.empty()) {
    COE_TRY(second, sources.tables(t06, score, domains));
    const double temperature = sources.stats(profile).router_temperature;
    if (sources.stats(t06).router_temperature == temperature)
      return fail(Code::kMismatch,
                  fmt::format("{}: taken at the router temperature of {} ({}), so there is nothing "
                              "to filter by",
                              second->name, other.name, temperature),
                  "profile the same text with --router-temperature 0.6");
  }
  COE_TRY(out.log, arbitrate(mask, other, rule, second ? &*second : nullptr));
  return out;
}

PassJson ArbitragePass::arbitrage_json(std::string_view name, const ProfileSet& profiles,
                                       const PassLog& log) const {
  PassJson pass = {
      {"pass", name}, {"score", score_name(score)}, {"cap", rule.cap}, {"skip", rule.skip}};
  if (!domains.empty()) pass["domains"] = domains;
  pass["profile"] = profile_json(profiles, profile);
  if (!t06.empty()) pass["t06"] = profile_json(profiles, t06);
  add_coverage(pass, log);
  pass["swaps"] = swaps_json(log.swaps);
  if (!t06.empty()) pass["dropped"] = swaps_json(log.dropped);
  return pass;
}

Result<ArbitragePass> ArbitragePass::read_arbitrage(const PassJson& json) {
  ArbitragePass pass;
  COE_TRY(pass.rule.cap, read_count(json, "cap"));
  COE_TRY(pass.rule.skip, read_count(json, "skip"));
  COE_TRY(pass.score, score_from_name(json.at("score").get<std::string>()));
  pass.profile = read_digest(json.at("profile"));
  if (json.contains("domains")) pass.domains = json.at("domains").get<std::vector<std::string>>();
  if (json.contains("t06")) pass.t06 = read_digest(json.at("t06"));
  return pass;
}

PassJson CotPass::json(const ProfileSet& profiles, const PassLog& log) const {
  return arbitrage_json(kName, profiles, log);
}

Result<CotPass> CotPass::read(const PassJson& json) {
  COE_TRY(auto pass, read_arbitrage(json));
  return CotPass{std::move(pass)};
}

PassWords CotPass::words(const MaskSwap& swap) const { return {"CoT", arbitrage_reason(swap)}; }

PassJson ProtectPass::json(const ProfileSet& profiles, const PassLog& log) const {
  return arbitrage_json(kName, profiles, log);
}

Result<ProtectPass> ProtectPass::read(const PassJson& json) {
  COE_TRY(auto pass, read_arbitrage(json));
  return ProtectPass{std::move(pass)};
}

PassWords ProtectPass::words(const MaskSwap& swap) const { return {{}, arbitrage_reason(swap)}; }

}  // namespace coe
