#include "coe/mask/recipe/passes/whitelist.h"

#include "coe/base/json.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/mask/builder.h"
#include "coe/mask/pass.h"
#include "coe/mask/score/parts.h"
#include "coe/mask/score/score.h"
#include "coe/model/moe/id_list.h"
#include "coe/model/moe/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace coe {

namespace {

using Units = MaskBuilder::Units;

// One row has these.
struct Whitelisted {
  // By unit, why it is listed: average rank, -times first, profile; the least of those that hold.
  std::vector<std::optional<std::tuple<double, std::int64_t, std::uint32_t>>> reason;
  std::vector<std::vector<ExpertId>> experts;  // by group
};

bool is_guaranteed(const PassProfile& profile, std::size_t row, std::uint32_t expert,
                   const WhitelistRule& rule) {
  const double avg_rank = profile.avg_rank.at(row, expert);
  if (rule.by_card)
    return avg_rank < rule.max_avg_rank && profile.n_chosen.at(row, expert) >= rule.min_first;
  return avg_rank <= rule.max_avg_rank && profile.n_first.at(row, expert) >= rule.min_first;
}

Whitelisted find_whitelisted(const MaskBuilder& mask, std::size_t row,
                             std::span<const PassProfile> profiles, const WhitelistRule& rule) {
  Whitelisted out{decltype(out.reason)(mask.n_unit()), decltype(out.experts)(mask.n_group())};
  for (std::uint32_t e = 0; e < mask.n_expert(); ++e) {
    const std::uint32_t unit = mask.unit_of(ExpertId{e});
    bool any = false;
    for (std::uint32_t p = 0; p < profiles.size(); ++p) {
      const double avg_rank = profiles[p].avg_rank.at(row, e);
      const std::int64_t n_first = profiles[p].n_first.at(row, e);
      if (!is_guaranteed(profiles[p], row, e, rule)) continue;
      any = true;
      const std::tuple found{avg_rank, -n_first, p};
      auto& best = out.reason[unit];
      if (!best || found < *best) best = found;
    }
    if (any) out.experts[mask.group_of(unit)].push_back(ExpertId{e});
  }
  return out;
}

Error overflow(const MaskBuilder& mask, std::size_t row, std::size_t group,
               const Whitelisted& listed, std::size_t n_exempt) {
  const auto& rule = mask.rule();
  const std::size_t n_place = rule.n_keep / listed.experts.size();
  std::string place = listed.experts.size() > 1 ? fmt::format(" of group {}", group) : "";
  if (rule.n_chunk_expert > 1) place += fmt::format(" in chunks of {}", rule.n_chunk_expert);
  if (n_exempt > 0) place += fmt::format(", {} of them exempt", n_exempt * rule.n_chunk_expert);
  return {Code::kInvalidArgument,
          fmt::format("layer {}: the whitelist guarantees {} a place, more than the {} places{}",
                      mask.layer(row).value, expert_list(listed.experts[group]), n_place, place),
          "choose a larger K, fewer whitelist profiles, a lower average rank or more first places"};
}

Status rescue(MaskBuilder& mask, std::size_t row, std::size_t group, const Whitelisted& listed,
              const std::vector<Units>& profiles, PassLog& log) {
  std::vector<std::uint32_t> rescued;
  std::vector<std::uint32_t> weakest;
  std::size_t n_exempt = 0;
  const auto first = static_cast<std::uint32_t>(group) * mask.group_size();
  for (std::uint32_t unit = first; unit < first + mask.group_size(); ++unit) {
    const bool kept = mask.keeps(row, unit);
    if (listed.reason[unit]) {
      log.n_listed += 1;
      if (!kept) rescued.push_back(unit);
    } else if (kept && mask.is_safe(row, unit)) {
      n_exempt += 1;
    } else if (kept) {
      weakest.push_back(unit);
    }
  }
  if (rescued.size() > weakest.size())
    return tl::unexpected<Error>(overflow(mask, row, group, listed, n_exempt));
  const auto ordinal = [&](std::uint32_t unit) { return mask.domain().ordinal.at(row, unit); };
  std::ranges::sort(rescued, {}, ordinal);
  std::ranges::sort(weakest, std::ranges::greater{}, ordinal);
  for (std::size_t i = 0; i < rescued.size(); ++i) {
    const std::uint32_t profile = std::get<2>(*listed.reason[rescued[i]]);
    auto swap = mask.describe(row, rescued[i], weakest[i], profiles[profile]);
    swap.list = profile;
    mask.exchange(row, swap);
    log.swaps.push_back(swap);
  }
  return {};
}

// For each list of the pass, which of its profiles it is of, and the sub-domain.
std::vector<std::pair<std::size_t, std::string>> lists_of(const std::vector<std::string>& digests,
                                                          const ProfileSet& set) {
  std::vector<std::pair<std::size_t, std::string>> lists;
  for (std::size_t p = 0; p < digests.size(); ++p)
    for (auto& name : domain_names(*set.find(digests[p])->stats))
      lists.emplace_back(p, std::move(name));
  return lists;
}

}  // namespace

Result<PassLog> whitelist(MaskBuilder& mask, std::span<const PassProfile> profiles,
                          const WhitelistRule& rule) {
  auto log = mask.begin_log();
  std::vector<Units> units;
  for (const auto& profile : profiles) {
    COE_TRY(units.emplace_back(), mask.ranked_units_of(profile));
  }
  for (std::size_t row = 0; row < mask.n_row(); ++row) {
    const auto listed = find_whitelisted(mask, row, profiles, rule);
    for (std::size_t group = 0; group < listed.experts.size(); ++group)
      COE_TRY_STATUS(rescue(mask, row, group, listed, units, log));
    for (std::uint32_t unit = 0; unit < mask.n_unit(); ++unit)
      if (listed.reason[unit]) mask.make_safe(row, unit);
  }
  mask.finish_log(log);
  return log;
}

void WhitelistPass::sort() { std::ranges::sort(profiles); }

Result<PassResult> WhitelistPass::run(PassSources& sources, MaskBuilder& mask) const {
  PassResult out;
  std::vector<PassProfile> listed;
  for (const auto& digest : profiles) {
    COE_TRY(auto tables, sources.tables_by_domain(digest, Score::kUtil));
    for (auto& table : tables) {
      out.lists.push_back(table.name);
      listed.push_back(std::move(table));
    }
    out.labels.push_back(sources.label(digest));
  }
  COE_TRY(out.log, whitelist(mask, listed, rule));
  return out;
}

PassJson WhitelistPass::json(const ProfileSet& set, const PassLog& log) const {
  PassJson pass = {{"pass", kName},
                   {"max_avg_rank", rule.max_avg_rank},
                   {"min_first", rule.min_first},
                   {"profiles", PassJson::array()}};
  if (rule.by_card) pass["rule"] = "card";
  for (const auto& digest : profiles) pass["profiles"].push_back(profile_json(set, digest));
  pass["n_whitelisted"] = log.n_listed;
  add_coverage(pass, log);
  pass["swaps"] = swaps_json(log.swaps);
  const auto lists = lists_of(profiles, set);
  for (std::size_t i = 0; i < log.swaps.size(); ++i) {
    const auto& [profile, domain] = lists.at(log.swaps[i].list);
    pass["swaps"][i]["profile"] = profile;
    pass["swaps"][i]["domain"] = domain;
  }
  return pass;
}

Result<WhitelistPass> WhitelistPass::read(const PassJson& json) {
  WhitelistPass pass;
  pass.rule.max_avg_rank = json.at("max_avg_rank").get<double>();
  COE_TRY(const auto min_first,
          read_whole(json, "min_first", std::numeric_limits<std::int64_t>::max()));
  pass.rule.min_first = static_cast<std::int64_t>(min_first);
  if (json.contains("rule")) {
    const auto name = json.at("rule").get<std::string>();
    if (name != "card")
      return fail(Code::kUnsupported, fmt::format("unknown rule `{}`", printable(name)));
    pass.rule.by_card = true;
  }
  for (const auto& profile : json.at("profiles")) pass.profiles.push_back(read_digest(profile));
  return pass;
}

PassWords WhitelistPass::words(const MaskSwap& /*swap*/) const { return {{}, "whitelisted"}; }

}  // namespace coe
