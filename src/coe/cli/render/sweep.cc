#include "coe/cli/render/sweep.h"

#include "coe/base/stats/interval_text.h"
#include "coe/base/text.h"
#include "coe/cli/render/table.h"
#include "coe/measure/footprint/parts.h"
#include "coe/model/moe/arch_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>

namespace coe::cli {

namespace {

std::string advice_text(const std::vector<SweepPoint>& points, const SweepRule& rule) {
  const auto advice = advise_count(points, rule);
  if (!advice.is_measured)
    return advice.n_keep
               ? fmt::format(
                     "  to start from: K = {}, by coverage alone (at least {:.0f} %); -m and -f "
                     "measure what it costs\n",
                     *advice.n_keep, 100 * rule.min_coverage)
               : fmt::format("  none of these K covers {:.0f} % of the score: try larger ones\n",
                             100 * rule.min_coverage);
  const auto loss = fmt::format(
      "perplexity at most {:g} % above the parent's, at the upper end of its 95 % interval",
      100 * rule.max_loss);
  return advice.n_keep
             ? fmt::format("  to start from: K = {} ({})\n", *advice.n_keep, loss)
             : fmt::format(
                   "  none of these K keeps the text ({}): try larger ones, or --max-loss\n", loss);
}

}  // namespace

Json advice_json(const std::vector<SweepPoint>& points, const SweepRule& rule) {
  const auto advice = advise_count(points, rule);
  return {{"n_keep", advice.n_keep ? Json(*advice.n_keep) : Json(nullptr)},
          {"by", advice.is_measured ? "perplexity" : "coverage"},
          {"max_loss", rule.max_loss},
          {"min_coverage", rule.min_coverage}};
}

Json point_json(const SweepPoint& point, const OpenModel* model) {
  const auto lowest = std::ranges::min_element(point.built.coverage.layers);
  Json json = {
      {"n_keep", point.n_keep},
      {"coverage", point.built.coverage.mean},
      {"coverage_lowest", *lowest},
      {"fused_top_k", has_fused_top_k(point.n_keep)},
      {"bytes_file", model == nullptr ? Json(nullptr) : Json(bytes_at(*model, point.n_keep))}};
  if (!point.eval) return json;
  const auto kl = kl_interval(*point.eval);
  json["n_token"] = point.eval->n_token;
  json["kl_mean"] = kl.value;
  json["kl_lower"] = kl.lower;
  json["kl_upper"] = kl.upper;
  json["perplexity"] = point.eval->perplexity();
  json["parent_perplexity"] = point.eval->reference_perplexity();
  json["top1_agreement"] = point.eval->top1_agreement();
  return json;
}

std::string sweep_text(const std::vector<SweepPoint>& points, const OpenModel* model,
                       const SweepRule& rule) {
  std::vector<std::vector<std::string>> rows = {{"K", "covered", "worst layer", "fused top-k"}};
  if (model != nullptr)
    for (const auto* title : {"file", "KL [95 %]", "perplexity", "parent's", "top-1 same"})
      rows.front().emplace_back(title);
  for (const auto& point : points) {
    const auto lowest = std::ranges::min_element(point.built.coverage.layers);
    auto& row = rows.emplace_back(std::vector<std::string>{
        fmt::format("{}", point.n_keep), fmt::format("{:.1f} %", 100 * point.built.coverage.mean),
        fmt::format("{:.1f} %", 100 * *lowest), has_fused_top_k(point.n_keep) ? "yes" : "-"});
    if (!point.eval) continue;
    const auto kl = kl_interval(*point.eval);
    row.push_back(human_bytes(bytes_at(*model, point.n_keep)));
    row.push_back(interval_text(kl, significant(3)));
    row.push_back(fmt::format("{:.3f}", point.eval->perplexity()));
    row.push_back(fmt::format("{:.3f}", point.eval->reference_perplexity()));
    row.push_back(fmt::format("{:.1f} %", 100 * point.eval->top1_agreement()));
  }
  auto text = format_table(rows);
  text +=
      "  fused top-k: llama.cpp's CUDA routing kernel takes this count (powers of two up to 512, "
      "288, 576)\n";
  return text + advice_text(points, rule);
}

Json choice_json(const ScoreChoice& choice) {
  Json trials = Json::array();
  for (std::size_t i = 0; i < choice.trials.size(); ++i) {
    const auto& trial = choice.trials[i];
    trials.push_back({{"score", trial.score},
                      {"chosen", i == choice.chosen},
                      {"kl_mean", trial.eval.kl_mean()},
                      {"kl_to_chosen", trial.kl_to_chosen.value},
                      {"kl_to_chosen_lower", trial.kl_to_chosen.lower},
                      {"kl_to_chosen_upper", trial.kl_to_chosen.upper},
                      {"perplexity", trial.eval.perplexity()},
                      {"top1_agreement", trial.eval.top1_agreement()}});
  }
  return trials;
}

std::string choice_text(const ScoreChoice& choice) {
  std::vector<std::vector<std::string>> rows = {
      {"score", "KL", "KL / chosen's [95 %]", "perplexity", "top-1 same"}};
  for (std::size_t i = 0; i < choice.trials.size(); ++i) {
    const auto& trial = choice.trials[i];
    const auto& ratio = trial.kl_to_chosen;
    rows.push_back({trial.score + (i == choice.chosen ? " (chosen)" : ""),
                    fmt::format("{:.4g}", trial.eval.kl_mean()), interval_text(ratio, fixed(3)),
                    fmt::format("{:.3f}", trial.eval.perplexity()),
                    fmt::format("{:.1f} %", 100 * trial.eval.top1_agreement())});
  }
  return format_table(rows);
}

}  // namespace coe::cli
