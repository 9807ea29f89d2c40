#include "coe/cli/render/mask_report.h"

#include "coe/cli/render/sweep.h"
#include "coe/cli/render/table.h"
#include "coe/mask/pass.h"
#include "coe/model/moe/id_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <utility>

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
    const auto& lists = report.lists.empty() ? report.profiles : report.lists;
    place =
        fmt::format("{} {}, ", list.empty() ? lists.at(swap.list) : list, ordinal(swap.in_ordinal));
  }
  return fmt::format("({}avg rank {:.1f})", place, swap.in_avg_rank);
}

std::string out_words(const BuiltMask& built, const MaskSwap& swap) {
  return fmt::format("({} {}, tier {})", built.domain, ordinal(swap.out_ordinal), swap.out_tier);
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

// Returns the swaps of all passes, each with its pass.
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

std::string rebuilt_text(const RebuiltMask& rebuilt) {
  if (rebuilt.differing.empty())
    return fmt::format("  the experts of {} in every layer\n", rebuilt.recipe.string());
  return fmt::format("  NOT the experts of {}: {} differ\n", rebuilt.recipe.string(),
                     layer_list(rebuilt.differing));
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

std::string never_chosen_text(const BuiltMask& built) {
  const auto& layers = built.never_chosen.layers;
  if (std::ranges::all_of(layers, [](std::uint32_t n) { return n == 0; })) return {};
  const auto [low, high] = std::ranges::minmax(layers);
  return fmt::format(
      "  warning: {} of the {} kept experts a layer were never chosen in {} tokens: nothing speaks "
      "for them, profile more text\n",
      low == high ? fmt::format("{}", low) : fmt::format("{} to {}", low, high),
      built.mask.n_keep(), built.never_chosen.n_token);
}

Json never_chosen_json(const BuiltMask& built) {
  Json layers = Json::array();
  std::size_t row = 0;
  for (const auto& [layer, ids] : built.mask.layers())
    layers.push_back(
        {{"layer", layer.value}, {"n_never_chosen", built.never_chosen.layers.at(row++)}});
  return {{"n_token", built.never_chosen.n_token}, {"layers", std::move(layers)}};
}

// Returns the passes that the mask records, without their swaps.
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

Json mask_json(const MaskOutput& output) {
  const auto& built = output.built;
  auto doc = document("mask");
  doc["output"] = output.file.string();
  doc["score"] = output.pass_1_score;
  doc["n_expert"] = built.mask.n_expert();
  doc["n_keep"] = built.mask.n_keep();
  doc["coverage"] = built.coverage.mean;
  doc["coverage_layers"] = Json::array();
  std::size_t row = 0;  // rows of a coverage are layers in ascending order, as a profile's
  for (const auto& [layer, ids] : built.mask.layers())
    doc["coverage_layers"].push_back(
        {{"layer", layer.value}, {"coverage", built.coverage.layers.at(row++)}});
  doc["never_chosen"] = never_chosen_json(built);
  doc["passes"] = passes_json(built);
  doc["swaps"] = swaps_json(built);
  if (output.choice != nullptr) doc["trials"] = choice_json(*output.choice);
  if (output.rebuilt) doc["identical"] = output.rebuilt->identical;
  return doc;
}

std::string mask_text(const MaskOutput& output, bool with_swaps) {
  const auto& built = output.built;
  const auto& covered = built.coverage.layers;
  const auto lowest = std::ranges::min_element(covered);
  const auto layer = std::next(built.mask.layers().begin(), lowest - covered.begin());
  auto text = fmt::format(
      "{}: keeps {} of {} experts in {} layers\n"
      "  score {} covered {:.1f} % on the mean, {:.1f} % in the worst layer ({})\n",
      output.file.string(), built.mask.n_keep(), built.mask.n_expert(), built.mask.layers().size(),
      output.coverage_score, 100 * built.coverage.mean, 100 * *lowest, layer->first.value);
  text += never_chosen_text(built);
  if (!built.passes.empty()) text += "\n" + pass_table(built);
  if (with_swaps) text += "\n" + swap_lines(built);
  if (output.choice != nullptr) text += "\n" + choice_text(*output.choice);
  if (output.rebuilt) text += rebuilt_text(*output.rebuilt);
  return text;
}

}  // namespace coe::cli
