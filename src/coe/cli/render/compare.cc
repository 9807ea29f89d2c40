#include "coe/cli/render/compare.h"

#include "coe/base/stats/summary.h"
#include "coe/base/text.h"
#include "coe/cli/render/table.h"

#include <fmt/format.h>

#include <algorithm>

namespace coe::cli {

namespace {

using Rows = std::vector<std::vector<std::string>>;

constexpr std::size_t kMaxColumns = 6;  // of masks or pairs, in a table of layers

std::string number(double value) { return fmt::format("{:.3f}", value); }
std::string number(const std::optional<double>& value) { return value ? number(*value) : "-"; }
std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }
std::string pair_name(const PairOverlap& pair) {
  return mask_letter(pair.a) + " " + mask_letter(pair.b);
}
std::string at_layer(double value, LayerId layer) {
  return fmt::format("{:.3f} ({})", value, layer.value);
}

std::string head_text(const Comparison& found) {
  const auto& overlap = found.overlap;
  std::string text = fmt::format("{} masks, {} layers", found.masks.size(), overlap.layers.size());
  text += overlap.n_expert > 0 ? fmt::format(" of {} experts\n", overlap.n_expert) : "\n";
  for (std::size_t m = 0; m < found.masks.size(); ++m)
    text += fmt::format("  {}  {}, keeps {}\n", mask_letter(m), found.masks[m].name,
                        found.masks[m].mask.n_keep());
  std::size_t sum = 0;
  std::size_t low = 0;
  std::size_t high = 0;
  const auto size = [&](std::size_t l) { return overlap.backbone[l].size(); };
  for (std::size_t l = 0; l < overlap.layers.size(); ++l) {
    sum += size(l);
    if (size(l) < size(low)) low = l;
    if (size(l) > size(high)) high = l;
  }
  return text + fmt::format(
                    "Backbone (experts in every mask): {:.1f} a layer; {} in layer {} to {} in "
                    "layer {}\n",
                    static_cast<double>(sum) / static_cast<double>(overlap.layers.size()),
                    size(low), overlap.layers[low].value, size(high), overlap.layers[high].value);
}

double by_chance(const Comparison& found, const PairOverlap& pair) {
  return jaccard_by_chance(found.masks[pair.a].mask.n_keep(), found.masks[pair.b].mask.n_keep(),
                           found.overlap.n_expert);
}

std::string chance_text(const Comparison& found) {
  std::vector<double> values;
  values.reserve(found.overlap.pairs.size());
  for (const auto& pair : found.overlap.pairs) values.push_back(by_chance(found, pair));
  const auto [low, high] = std::ranges::minmax(values);
  return fmt::format("  By chance the Jaccard index would be {}{}.\n", number(low),
                     number(low) == number(high) ? "" : " to " + number(high));
}

std::string pairs_text(const Comparison& found) {
  const auto& overlap = found.overlap;
  const bool residuals = found.masks.size() > 2;
  Rows rows = {{"pair", "Jaccard", "lowest (layer)", "highest (layer)", "F1"}};
  if (residuals) rows[0].insert(rows[0].end(), {"F there", "F back"});
  if (found.cosine) rows[0].push_back("Agg-cos");
  for (const auto& pair : overlap.pairs) {
    auto& row = rows.emplace_back();
    row = {pair_name(pair), number(pair.jaccard_mean),
           at_layer(pair.jaccard[pair.lowest], overlap.layers[pair.lowest]),
           at_layer(pair.jaccard[pair.highest], overlap.layers[pair.highest]),
           number(pair.f1_mean)};
    if (residuals) row.insert(row.end(), {number(pair.a_to_b.pooled), number(pair.b_to_a.pooled)});
    if (found.cosine) row.push_back(number(found.cosine->of(pair.a, pair.b)));
  }
  std::string text = "\nPairs (Jaccard and F1 on the mean over layers)\n" + format_table(rows);
  if (overlap.n_expert > 0) text += chance_text(found);
  if (residuals)
    text +=
        "  F: of what the first keeps beyond the backbone, the share that the second keeps too; "
        "back: the\n  other way round.\n";
  if (found.cosine) {
    text += "  Agg-cos: how alike the weights beyond the backbone are (- where there are none).\n";
    text += fmt::format("  {} of down-projections read in {:.1f} s\n",
                        human_bytes(found.cosine->n_bytes()), found.cosine_s);
  }
  return text;
}

std::string layers_text(const Comparison& found) {
  const auto& overlap = found.overlap;
  const bool all = overlap.pairs.size() <= kMaxColumns;
  Rows rows = {{"layer", "backbone"}};
  if (all)
    for (const auto& pair : overlap.pairs) rows[0].push_back("J " + pair_name(pair));
  else
    rows[0].insert(rows[0].end(), {"mean J", "lowest J (pair)", "highest J (pair)"});
  for (std::size_t l = 0; l < overlap.layers.size(); ++l) {
    auto& row = rows.emplace_back();
    row = {fmt::format("{}", overlap.layers[l].value),
           fmt::format("{}", overlap.backbone[l].size())};
    if (all) {
      for (const auto& pair : overlap.pairs) row.push_back(number(pair.jaccard[l]));
      continue;
    }
    const auto by_layer = [l](const PairOverlap& pair) { return pair.jaccard[l]; };
    const auto [low, high] = std::ranges::minmax_element(overlap.pairs, {}, by_layer);
    double sum = 0.0;
    for (const auto& pair : overlap.pairs) sum += pair.jaccard[l];
    row.push_back(number(sum / static_cast<double>(overlap.pairs.size())));
    for (const auto& pair : {*low, *high})
      row.push_back(fmt::format("{} ({})", number(pair.jaccard[l]), pair_name(pair)));
  }
  return "\nLayer by layer (J: Jaccard)\n" + format_table(rows);
}

// Profiles `first` to `end` side by side.
std::string coverage_table(const Comparison& found, std::size_t first, std::size_t end) {
  Rows rows = {{"mask"}};
  for (std::size_t p = first; p < end; ++p)
    rows[0].insert(rows[0].end(), {fmt::format("P{}", p + 1), "worst (layer)"});
  for (std::size_t m = 0; m < found.masks.size(); ++m) {
    auto& row = rows.emplace_back();
    row.push_back(mask_letter(m));
    for (std::size_t p = first; p < end; ++p) {
      const auto& covered = found.profiles[p].masks[m];
      const auto worst = std::ranges::min_element(covered.layers) - covered.layers.begin();
      const LayerId layer = found.profiles[p].layers[static_cast<std::size_t>(worst)];
      row.push_back(percent(covered.mean));
      row.push_back(fmt::format("{} ({})", percent(covered.layers[static_cast<std::size_t>(worst)]),
                                layer.value));
    }
  }
  return format_table(rows);
}

std::string coverage_text(const Comparison& found) {
  constexpr std::size_t kSideBySide = 3;
  std::string text = fmt::format(
      "\nShare of the score `{}` that each mask covers, on the mean over layers\n", found.score);
  for (std::size_t p = 0; p < found.profiles.size(); ++p)
    text += fmt::format("  P{}  {}\n", p + 1, found.profiles[p].name);
  for (std::size_t p = 0; p < found.profiles.size(); p += kSideBySide)
    text += coverage_table(found, p, std::min(p + kSideBySide, found.profiles.size()));
  return text;
}

std::string k_text(std::uint32_t k) { return k == 0 ? "-" : fmt::format("{}", k); }

std::string tolerance_text(const Comparison& found, std::size_t index) {
  const Tolerance& profile = found.profiles[index];
  const bool all = found.masks.size() <= kMaxColumns;
  Rows rows = {{"layer", "entropy"}};
  for (const double target : kCoverTargets)
    rows[0].push_back(fmt::format("K for {:.0f} %", 100 * target));
  for (std::size_t m = 0; all && m < found.masks.size(); ++m)
    rows[0].push_back(mask_letter(m) + " covers");
  for (std::size_t l = 0; l < profile.layers.size(); ++l) {
    auto& row = rows.emplace_back();
    row = {fmt::format("{}", profile.layers[l].value), number(profile.entropy[l])};
    for (const auto k : profile.enough[l]) row.push_back(k_text(k));
    for (std::size_t m = 0; all && m < found.masks.size(); ++m)
      row.push_back(percent(profile.masks[m].layers[l]));
  }
  std::string text = fmt::format(
      "\n{}, layer by layer\n"
      "  entropy of routing (1: all experts alike), the smallest K that covers so much of `{}`{}\n",
      profile.name, found.score, all ? ",\n  and what each mask covers" : "");
  text += format_table(rows);
  const auto by_last = [](const auto& enough) { return enough.back(); };
  const auto [least, most] = std::ranges::minmax_element(profile.enough, {}, by_last);
  const auto layer = [&](auto at) {
    return profile.layers[static_cast<std::size_t>(at - profile.enough.begin())].value;
  };
  return text +
         fmt::format("  For {:.0f} %, layer {} needs {} experts and layer {} does with {}.\n",
                     100 * kCoverTargets.back(), layer(most), k_text(most->back()), layer(least),
                     k_text(least->back()));
}

Json optional_json(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json directed_json(const DirectedF& f) {
  Json layers = Json::array();
  for (const auto& value : f.layers) layers.push_back(optional_json(value));
  return {{"pooled", optional_json(f.pooled)}, {"layers", std::move(layers)}};
}

Json pair_json(const Comparison& found, const PairOverlap& pair) {
  const auto& layers = found.overlap.layers;
  Json out = {{"a", pair.a},
              {"b", pair.b},
              {"jaccard",
               {{"mean", pair.jaccard_mean},
                {"min", pair.jaccard[pair.lowest]},
                {"min_layer", layers[pair.lowest].value},
                {"max", pair.jaccard[pair.highest]},
                {"max_layer", layers[pair.highest].value},
                {"by_chance", found.overlap.n_expert > 0 ? Json(by_chance(found, pair)) : Json()},
                {"layers", pair.jaccard}}},
              {"f1", {{"mean", pair.f1_mean}, {"layers", pair.f1}}},
              {"residual_f",
               {{"a_to_b", directed_json(pair.a_to_b)}, {"b_to_a", directed_json(pair.b_to_a)}}}};
  if (!found.cosine) return out;
  Json cosines = Json::array();
  for (std::size_t l = 0; l < layers.size(); ++l)
    cosines.push_back(optional_json(found.cosine->of_layer(pair.a, pair.b, l)));
  out["agg_cos"] = {{"value", optional_json(found.cosine->of(pair.a, pair.b))},
                    {"layers", std::move(cosines)}};
  return out;
}

Json profile_json(const Tolerance& profile) {
  Json out = {{"file", profile.name}, {"coverage", Json::array()}, {"layers", Json::array()}};
  for (std::size_t m = 0; m < profile.masks.size(); ++m)
    out["coverage"].push_back(
        {{"mask", m}, {"mean", profile.masks[m].mean}, {"layers", profile.masks[m].layers}});
  out["entropy_mean"] = mean(profile.entropy);
  out["n_keep"] = profile.n_keeps;
  for (std::size_t l = 0; l < profile.layers.size(); ++l) {
    Json layer = {{"layer", profile.layers[l].value}, {"entropy", profile.entropy[l]}};
    for (std::size_t t = 0; t < kCoverTargets.size(); ++t) {
      const auto k = profile.enough[l][t];
      layer[fmt::format("n_keep_for_{:.0f}", 100 * kCoverTargets[t])] = k == 0 ? Json() : Json(k);
    }
    const auto curve = profile.curve.row(l);
    layer["coverage"] = std::vector<double>(curve.begin(), curve.end());
    out["layers"].push_back(std::move(layer));
  }
  return out;
}

}  // namespace

std::string comparison_text(const Comparison& found) {
  std::string text = head_text(found) + pairs_text(found) + layers_text(found);
  if (!found.profiles.empty()) text += coverage_text(found);
  for (std::size_t p = 0; p < found.profiles.size(); ++p) text += tolerance_text(found, p);
  return text;
}

Json comparison_json(const Comparison& found) {
  auto doc = document("compare");
  doc["masks"] = Json::array();
  for (const auto& named : found.masks)
    doc["masks"].push_back(
        {{"file", named.name},
         {"n_keep", named.mask.n_keep()},
         {"parent", {{"name", named.mask.parent.name}, {"digest", named.mask.parent.digest}}}});
  doc["n_expert"] = found.overlap.n_expert;
  doc["layers"] = Json::array();
  doc["backbone"] = Json::array();
  for (std::size_t l = 0; l < found.overlap.layers.size(); ++l) {
    Json ids = Json::array();
    for (const ExpertId id : found.overlap.backbone[l]) ids.push_back(id.value);
    doc["layers"].push_back(found.overlap.layers[l].value);
    doc["backbone"].push_back(std::move(ids));
  }
  doc["pairs"] = Json::array();
  for (const auto& pair : found.overlap.pairs) doc["pairs"].push_back(pair_json(found, pair));
  if (found.cosine) {
    doc["agg_cos"] = {{"bytes_read", found.cosine->n_bytes()}, {"wall_s", found.cosine_s}};
  }
  if (!found.profiles.empty()) doc["score"] = found.score;
  doc["profiles"] = Json::array();
  for (const auto& profile : found.profiles) doc["profiles"].push_back(profile_json(profile));
  return doc;
}

}  // namespace coe::cli
