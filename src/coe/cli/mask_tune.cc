#include "coe/cli/mask_tune.h"

#include "coe/base/text.h"
#include "coe/stats/interval_text.h"
#include "coe/tune/sweep_picture.h"

#include <algorithm>

namespace coe::cli {

namespace {

// Of a child with `n_keep` experts a layer.
std::uint64_t bytes_at(const OpenModel& model, std::uint32_t n_keep) {
  return model.file.header().file_bytes - model.moe.expert_bytes() * (model.moe.n_expert - n_keep);
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

std::string sweep_text(const std::vector<SweepPoint>& points, const OpenModel* model) {
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
  if (const auto count = suggested_count(points))
    text += fmt::format("  to start from: K = {}\n", *count);
  return text;
}

}  // namespace

void add_tune_options(CLI::App& verb, TuneOptions& options) {
  verb.add_option("--sweep", options.sweep,
                  "Try several K instead of writing a mask: 32,48,64 or 16-96/16; with -m and -f "
                  "each is measured");
  verb.add_option("--svg", options.svg, "Draw the sweep")->needs("--sweep");
  verb.add_option("-m,--model", options.engine.model,
                  "Parent to measure masks with, for --sweep and --score auto");
  add_corpus_options(verb, options.text, false);
  verb.add_option("--max-tokens", options.eval.max_tokens,
                  "Cut records of that text to this many tokens (0: the context)")
      ->capture_default_str();
  add_engine_options(verb, options.engine);
}

Result<std::unique_ptr<TuneBench>> TuneBench::open(const TuneOptions& options, Session& session) {
  if (options.engine.model.empty() != options.text.files.empty())
    return fail(Code::kInvalidArgument,
                options.text.files.empty() ? "-m: no text to measure with is given"
                                           : "-f: no model to run on this text is given",
                "give the parent with -m and held-out text with -f");
  if (options.engine.model.empty()) return nullptr;
  COE_TRY(auto corpus, load_corpus(options.text));
  COE_TRY(auto model, open_model(options.engine.model, session));
  COE_TRY(auto engine, session.library.open(options.engine));
  std::unique_ptr<TuneBench> out(
      new TuneBench(std::move(model), std::move(corpus), std::move(engine)));
  out->bench_.emplace(
      Bench{*out->engine_, out->model_.file, out->model_.moe, out->corpus_, options.eval});
  return out;
}

Status run_sweep(const ProfileSet& profiles, const MaskRecipe& recipe, const TuneOptions& options,
                 Session& session) {
  COE_TRY(const auto counts, parse_counts(options.sweep));
  if (!options.svg.empty()) COE_TRY_STATUS(check_output(options.svg, session.overwrite()));
  COE_TRY(const auto bench, TuneBench::open(options, session));
  COE_TRY(const auto points, sweep_masks(profiles, recipe, counts,
                                         bench ? &bench->bench() : nullptr, session.console));
  const auto* model = bench ? &bench->model() : nullptr;
  if (!options.svg.empty())
    COE_TRY_STATUS(write_file(options.svg, sweep_svg(points), session.overwrite()));
  auto doc = document("sweep");
  doc["score"] = pass_1_score(profiles, recipe);
  const auto suggested = suggested_count(points);
  doc["suggested"] = suggested ? Json(*suggested) : Json(nullptr);
  doc["points"] = Json::array();
  for (const auto& point : points) doc["points"].push_back(point_json(point, model));
  return session.emit(doc, sweep_text(points, model));
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
