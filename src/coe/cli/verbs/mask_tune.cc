#include "coe/cli/verbs/mask_tune.h"

#include "coe/cli/options.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/render/sweep.h"
#include "coe/measure/footprint/parts.h"
#include "coe/measure/tune/sweep.h"
#include "coe/measure/tune/sweep_picture.h"

#include <fmt/format.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace coe::cli {

void add_tune_options(CLI::App& verb, TuneOptions& options) {
  verb.add_option(
      "--sweep", options.sweep,
      "Try several K instead of writing a mask: 32,48,64, 16-96/16 or half,25%; with -m and -f "
      "each is measured");
  verb.add_option("--max-loss", options.max_loss,
                  "--sweep advises a K whose perplexity is at most so many % above the parent's")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->needs("--sweep");
  verb.add_option("--svg", options.svg, "Draw the sweep")->needs("--sweep");
  add_model_option(verb, "-m,--model", options.engine.model,
                   "Parent to measure masks with, for --sweep and --score auto");
  add_text_options(verb, options.text, false);
  verb.add_option("--text-domain", options.text.domains,
                  "Only this sub-domain of that text (repeatable)");
  verb.add_option("--max-tokens", options.eval.max_tokens,
                  "Cut records of that text to this many tokens (0: the context)")
      ->capture_default_str();
  add_engine_options(verb, options.engine);
}

Result<std::unique_ptr<TuneBench>> open_tune_bench(const TuneOptions& options, Session& session) {
  if (options.engine.model.empty() != options.text.files.empty())
    return fail(Code::kInvalidArgument,
                options.text.files.empty() ? "-m: no text to measure with is given"
                                           : "-f: no model to run on this text is given",
                "give the parent with -m and held-out text with -f");
  if (options.engine.model.empty()) return nullptr;
  COE_TRY(auto text, load_corpus(options.text, options.engine.model, session));
  return TuneBench::open(session.library, options.engine, std::move(text), options.eval,
                         session.console);
}

Status run_sweep(const ProfileSet& profiles, const MaskRecipe& recipe, const TuneOptions& options,
                 const std::vector<Path>& files, Session& session) {
  COE_TRY(const auto counts, parse_counts(options.sweep, profiles.all().front().stats->shape));
  COE_TRY(const auto lock, session.claim(options.svg));
  COE_TRY(const auto bench, open_tune_bench(options, session));
  COE_TRY(const auto points, sweep_masks(profiles, recipe, counts,
                                         bench ? &bench->bench() : nullptr, session.console));
  const auto* model = bench ? &bench->model() : nullptr;
  std::vector<std::uint64_t> sizes;
  for (const auto& point : points)
    if (model != nullptr) sizes.push_back(bytes_at(*model, point.n_keep));
  if (!options.svg.empty())
    COE_TRY_STATUS(write_file(options.svg, sweep_svg(points, sizes), session.overwrite()));
  auto doc = document("sweep");
  doc["score"] = pass_1_score(profiles, recipe);
  const SweepRule rule{.max_loss = options.max_loss / 100.0};
  doc["advice"] = advice_json(points, rule);
  doc["suggested"] = doc["advice"]["n_keep"];
  doc["points"] = Json::array();
  for (const auto& point : points) doc["points"].push_back(point_json(point, model));
  auto text = sweep_text(points, model, rule);
  if (const auto advice = advise_count(points, rule); advice.n_keep)
    text +=
        next_step("mask --sweep", {.profiles = files, .keep = fmt::format("{}", *advice.n_keep)});
  return session.emit(doc, text);
}

}  // namespace coe::cli
