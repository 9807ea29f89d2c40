#include "coe/mask/compare/tolerance.h"

#include "coe/base/result.h"
#include "coe/mask/build.h"
#include "coe/mask/compare/overlap.h"
#include "coe/mask/score/score.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/id_list.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"
#include "coe/model/moe/top_k.h"
#include "coe/profile/routing/entropy.h"
#include "coe/profile/routing/stats.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace coe {
namespace {

constexpr const char* kHint = "use a profile of the model that the masks were made for";

Status check_layers(const std::string& name, const RoutingStats& stats, const NamedMask& mask) {
  const auto& rows = stats.shape.layers;
  const auto refuse = [](const std::string& lacking, const std::vector<LayerId>& layers,
                         const std::string& having) {
    return fail(
        Code::kMismatch,
        fmt::format("{}: says nothing about {}, which {} has", lacking, layer_list(layers), having),
        kHint);
  };
  std::vector<LayerId> missing;
  for (const LayerId layer : rows)
    if (!mask.mask.layers().contains(layer)) missing.push_back(layer);
  if (!missing.empty()) return refuse(mask.name, missing, name);
  std::vector<LayerId> extra;
  for (const auto& [layer, ids] : mask.mask.layers())
    if (!rows.empty() && layer < rows.back() && !std::ranges::binary_search(rows, layer))
      extra.push_back(layer);
  if (!extra.empty()) return refuse(name, extra, mask.name);
  return {};
}

Status check_fits(const std::string& name, const RoutingStats& stats, const NamedMask& mask) {
  COE_TRY_STATUS(
      check_same_model(stats.parent, mask.mask.parent, fmt::format("{} and {}", name, mask.name)));
  const std::uint32_t n_expert = stats.shape.n_expert;
  if (mask.mask.n_expert() != 0 && mask.mask.n_expert() != n_expert)
    return fail(Code::kMismatch,
                fmt::format("{}: made for another number of experts ({} vs {} in {})", mask.name,
                            mask.mask.n_expert(), n_expert, name),
                kHint);
  for (const auto& [layer, ids] : mask.mask.layers())
    if (ids.back().value >= n_expert)
      return fail(Code::kMismatch,
                  fmt::format("{}: layer {}: keeps expert {} but {} has {} experts", mask.name,
                              layer.value, ids.back().value, name, n_expert),
                  kHint);
  return check_layers(name, stats, mask);
}

void draw_curve(std::span<const double> score, KeepRule rule, Tolerance& out, std::size_t row) {
  const double total = std::accumulate(score.begin(), score.end(), 0.0);
  auto& enough = out.enough[row];
  for (std::size_t i = 0; i < out.n_keeps.size(); ++i) {
    rule.n_keep = out.n_keeps[i];
    // In order of ids, as the total: rounding cannot make a curve fall, or end below 1.
    auto experts = top_k(score, rule);
    std::ranges::sort(experts);
    double kept = 0.0;
    for (const auto expert : experts) kept += score[expert];
    const double share = total > 0.0 ? kept / total : 0.0;
    out.curve.at(row, i) = share;
    for (std::size_t t = 0; t < enough.size(); ++t)
      if (enough[t] == 0 && share >= kCoverTargets[t]) enough[t] = rule.n_keep;
  }
}

}  // namespace

Result<Tolerance> tolerance_of(const std::string& name, const RoutingStats& stats,
                               const ScoreOptions& score, std::span<const NamedMask> masks) {
  for (const auto& mask : masks) COE_TRY_STATUS(check_fits(name, stats, mask));
  COE_TRY(const auto table, compute_score(stats, score));
  ScoreOptions util = score;
  util.score = Score::kUtil;
  COE_TRY(const auto utility, compute_score(stats, util));
  Tolerance out;
  out.name = name;
  out.layers = stats.shape.layers;
  for (const auto& mask : masks) out.masks.push_back(coverage(mask.mask, table, out.layers));
  for (std::size_t l = 0; l < out.layers.size(); ++l)
    out.entropy.push_back(normalised_entropy(utility.row(l)));

  KeepRule rule{.n_group = std::max(stats.shape.n_expert_group, 1U),
                .n_chunk_expert = stats.shape.n_chunk_expert};
  const std::uint32_t step = rule.n_group * rule.n_chunk_expert;
  for (std::uint32_t k = step; k <= stats.shape.n_expert; k += step) out.n_keeps.push_back(k);
  out.curve = ExpertTable<double>(out.layers.size(), out.n_keeps.size());
  out.enough.resize(out.layers.size());
  for (std::size_t l = 0; l < out.layers.size(); ++l) draw_curve(table.row(l), rule, out, l);
  return out;
}

}  // namespace coe
