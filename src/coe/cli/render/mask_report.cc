#include "coe/cli/render/mask_report.h"

#include "coe/cli/console.h"
#include "coe/cli/render/table.h"
#include "coe/mask/pass.h"

#include <fmt/format.h>

namespace coe::cli {

namespace {

// 1st, 2nd, 3rd, 4th, 11th, 21st.
std::string ordinal(std::uint32_t n) {
  const bool teen = n % 100 / 10 == 1;
  const char* suffix = "th";
  if (!teen && n % 10 == 1) suffix = "st";
  if (!teen && n % 10 == 2) suffix = "nd";
  if (!teen && n % 10 == 3) suffix = "rd";
  return fmt::format("{}{}", n, suffix);
}

std::string title(const PassReport& report) {
  std::string name(pass_name(report.pass));
  for (std::size_t i = 0; i < report.profiles.size(); ++i)
    name += (i == 0 ? ": " : ", ") + report.profiles[i];
  return name;
}

std::string in_words(const PassReport& report, const MaskSwap& swap) {
  std::string place;
  if (swap.in_ordinal > 0) {
    const auto list = pass_words(report.pass, swap).list;
    place = fmt::format("{} {}, ", list.empty() ? report.profiles.at(swap.profile) : list,
                        ordinal(swap.in_ordinal));
  }
  return fmt::format("({}avg rank {:.1f})", place, swap.in_avg_rank);
}

std::string out_words(const BuiltMask& built, const MaskSwap& swap) {
  return fmt::format("({} {}, tier {})", built.domain, ordinal(swap.out_ordinal), swap.out_tier);
}

}  // namespace

std::string pass_table(const BuiltMask& built) {
  const auto percent = [](double share) { return fmt::format("{:.2f} %", 100 * share); };
  std::vector<std::vector<std::string>> rows = {
      {"pass", "swaps", "dropped", "left out", "coverage before", "after"},
      {"domain: " + built.domain, "", "", "", "", percent(built.domain_coverage.mean)}};
  for (const auto& report : built.passes) {
    const auto& log = report.log;
    const auto shown = [](std::size_t n) { return n > 0 ? std::to_string(n) : std::string(); };
    rows.push_back({title(report), std::to_string(log.swaps.size()), shown(log.dropped.size()),
                    shown(log.left_out.size()), percent(log.before.mean), percent(log.after.mean)});
  }
  return format_table(rows);
}

std::string swap_lines(const BuiltMask& built) {
  std::string text;
  for (const auto& report : built.passes) {
    text += title(report) + "\n";
    for (const auto& swap : report.log.swaps)
      text += fmt::format("  layer {}: {} in {}, {} out {}: {}\n", swap.layer.value, swap.in.value,
                          in_words(report, swap), swap.out.value, out_words(built, swap),
                          pass_words(report.pass, swap).reason);
    for (const auto& swap : report.log.dropped)
      text += fmt::format(
          "  layer {}: {} stays out {}, {} stays {}: does not hold at the other router "
          "temperature\n",
          swap.layer.value, swap.in.value, in_words(report, swap), swap.out.value,
          out_words(built, swap));
    for (const auto& item : report.log.left_out)
      text += fmt::format("  layer {}: {} left out: beyond the cap, or nothing may give way\n",
                          item.layer.value, item.expert.value);
  }
  return text;
}

Json passes_json(const BuiltMask& built) {
  Json passes = Json::array();
  for (const auto& pass : built.mask.passes) {
    auto json = parse_json_or_throw<Json>(pass.json);
    if (json.contains("swaps")) json["n_swap"] = json.at("swaps").size();
    json.erase("swaps");
    passes.push_back(std::move(json));
  }
  return passes;
}

Json swaps_json(const BuiltMask& built) {
  Json swaps = Json::array();
  for (const auto& pass : built.mask.passes) {
    const auto json = parse_json_or_throw<Json>(pass.json);
    if (!json.contains("swaps")) continue;
    for (const auto& swap : json.at("swaps")) {
      Json named = {{"pass", json.at("pass")}};
      named.update(swap);
      swaps.push_back(std::move(named));
    }
  }
  return swaps;
}

}  // namespace coe::cli
