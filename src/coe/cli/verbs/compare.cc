// coe compare: how alike masks are, as sets, as weights, and in what they cover.
#include "coe/cli/render/compare.h"

#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/mask/compare/picture.h"
#include "coe/model/moe/open_model.h"
#include "coe/profile/routing/file.h"

#include <chrono>
#include <memory>

namespace coe::cli {

namespace {

struct CompareVerbOptions {
  std::vector<Path> masks;
  Path model;
  std::vector<Path> profiles;
  std::string score = "util";
  Path svg;
};

Result<std::vector<NamedMask>> read_masks(const std::vector<Path>& paths) {
  std::vector<NamedMask> masks;
  for (const auto& path : paths) {
    COE_TRY(auto mask, read_mask(path));
    masks.push_back({path.string(), std::move(mask)});
  }
  return masks;
}

Status add_cosine(const CompareVerbOptions& options, Session& session, Comparison& found) {
  COE_TRY(const auto parent, open_model(options.model, session.console));
  const auto start = std::chrono::steady_clock::now();
  COE_TRY(found.cosine, agg_cosine(parent.file, parent.moe, found.masks, found.overlap,
                                   session.library.dequantizer(), {}, session.console));
  found.cosine_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return {};
}

Status add_profiles(const CompareVerbOptions& options, Comparison& found) {
  ScoreOptions score;
  COE_TRY(score.score, score_from_name(options.score));
  for (const auto& path : options.profiles) {
    COE_TRY(const auto stats, read_profile(path));
    COE_TRY(auto tolerance, tolerance_of(path.string(), stats, score, found.masks));
    found.profiles.push_back(std::move(tolerance));
  }
  return {};
}

Result<int> compare(const CompareVerbOptions& options, Session& session) {
  COE_TRY(const auto lock, session.claim(options.svg));
  Comparison found;
  found.score = options.score;
  COE_TRY(found.masks, read_masks(options.masks));
  COE_TRY(found.overlap, overlap_of(found.masks));
  COE_TRY_STATUS(add_profiles(options, found));  // before the long work
  if (!options.model.empty()) COE_TRY_STATUS(add_cosine(options, session, found));
  if (!options.svg.empty()) {
    const auto* cosine = found.cosine ? &*found.cosine : nullptr;
    COE_TRY_STATUS(
        write_file(options.svg,
                   comparison_svg(found.masks, found.overlap, cosine, found.profiles, found.score),
                   session.overwrite()));
  }
  auto doc = comparison_json(found);
  if (!options.svg.empty()) doc["svg"] = options.svg.string();
  COE_TRY_STATUS(session.emit(
      doc, comparison_text(found) +
               next_step("compare", {.model = options.model, .masks = options.masks})));
  return kExitDone;
}

}  // namespace

void add_compare(CLI::App& app, Run& run) {
  auto options = std::make_shared<CompareVerbOptions>();
  auto* verb = app.add_subcommand("compare", "Show how alike masks are, layer by layer");
  verb->add_option("masks", options->masks, "Masks (JSON), native or plain; two or more")
      ->required();
  add_model_option(*verb, "-m,--model", options->model,
                   "Their parent (GGUF): also compare the weights beyond the backbone (Agg-cos)");
  verb->add_option("-p,--profile", options->profiles,
                   "Routing profile (repeatable): also show what the masks cover, what the best K "
                   "would, and how evenly layers route")
      ->allow_extra_args(false);  // what follows is a mask again
  verb->add_option("--score", options->score, "Of the coverage: " + score_help())
      ->capture_default_str();
  verb->add_option("--svg", options->svg, "Write a picture, too");
  verb->callback([options, &run] {
    run = [options](Session& session) { return compare(*options, session); };
  });
}

}  // namespace coe::cli
