// coe mask: from routing profiles to the experts a specialist keeps.
#include "coe/cli/exit_code.h"
#include "coe/cli/mask_options.h"
#include "coe/cli/render/mask_report.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/verbs/mask_tune.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/recipe/profile_files.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/mask/score/score.h"
#include "coe/model/moe/keep_count.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

struct MaskVerbOptions {
  std::vector<std::string> profiles;  // FILE or FILE:WEIGHT
  Path score_table;
  Path output;
  Path recipe;       // a mask to rebuild
  std::string keep;  // a count or a share
  ScoreOptionsText score;
  std::vector<std::string> domains;  // of the profiles; empty: all
  std::uint64_t seed = 0;
  PassFlags passes;
  TuneOptions tune;
  bool plain = false;
  bool swaps = false;
};

Result<MaskRecipe> read_recipe(const MaskVerbOptions& options, ProfileFiles& files) {
  if (options.keep.empty() && options.tune.sweep.empty())
    return fail(Code::kInvalidArgument, "-k: how many experts to keep is not given",
                "for example -k 64, or --recipe with a mask to rebuild");
  MaskRecipe recipe;
  if (options.score.score != kAutoScore) {
    COE_TRY(recipe.score.score, score_from_name(options.score.score));
  }
  recipe.score.seed = options.seed;
  for (const auto& text : options.profiles) {
    const auto [path, weight] = parse_weighted_file(text);
    COE_TRY(auto digest, files.load(path));
    recipe.profiles.push_back({std::move(digest), weight});
  }
  if (!options.keep.empty()) {
    COE_TRY(const auto keep, parse_keep(options.keep));
    COE_TRY(recipe.n_keep,
            keep_count(keep, files.set().find(recipe.profiles.front().digest)->stats->shape));
  }
  COE_TRY(auto aggregate, read_aggregate(options.score));
  aggregate.domains = options.domains;
  COE_TRY_STATUS(choose_aggregate(files.set(), aggregate, recipe));
  if (!options.score_table.empty()) {
    COE_TRY(recipe.table, files.load_table(options.score_table));
  }
  COE_TRY(const auto passes, read_pass_options(options.passes));
  const auto load = [&](const Path& file, const ProfileUse&) { return files.load(file); };
  COE_TRY_STATUS(read_passes(passes, load, recipe));
  return recipe;
}

Result<KeepMask> read_old_mask(const MaskVerbOptions& options, ProfileFiles& files) {
  for (const auto& text : options.profiles) {
    COE_TRY_STATUS(files.load(text).map([](const auto&) {}));
  }
  if (!options.score_table.empty())
    COE_TRY_STATUS(files.load_table(options.score_table).map([](const auto&) {}));
  return read_mask(options.recipe);
}

// The layers where the rebuilt mask is another.
std::vector<LayerId> differing(const KeepMask& a, const KeepMask& b) {
  std::vector<LayerId> layers;
  for (const auto& [layer, ids] : a.layers()) {
    const auto there = b.layers().find(layer);
    if (there == b.layers().end() || there->second != ids) layers.push_back(layer);
  }
  return layers;
}

// The recipe of the score that does best on the text, and how all did.
Result<ScoreChoice> choose(const MaskVerbOptions& options, const ProfileFiles& files,
                           MaskRecipe recipe, Session& session) {
  COE_TRY(const auto bench, open_tune_bench(options.tune, session));
  if (!bench)
    return fail(Code::kInvalidArgument, "--score auto: nothing to choose by is given",
                "give the parent with -m and text that the profile has not seen with -f");
  const auto table = std::exchange(recipe.table, {});
  return choose_score(files.set(), candidate_recipes(files.set(), recipe, table), bench->bench(),
                      session.console);
}

Result<int> mask(const MaskVerbOptions& options, Session& session) {
  if (options.score.score == kAutoScore && !options.tune.sweep.empty())
    return fail(Code::kInvalidArgument, "--sweep: a score is chosen for one K, not for several",
                "choose it with --score auto -k 64 first, then give --sweep that score");
  if (options.output.empty() && options.tune.sweep.empty())
    return fail(Code::kInvalidArgument, "-o: where to write the mask is not given");
  COE_TRY(const auto lock, session.claim(options.output));
  ProfileFiles files;
  MaskRecipe recipe;
  std::optional<KeepMask> old;
  if (options.recipe.empty()) {
    COE_TRY(recipe, read_recipe(options, files));
  } else {
    COE_TRY(old, read_old_mask(options, files));
    auto found = recipe_of(*old);
    if (!found) return tl::unexpected(std::move(found).error().context(options.recipe.string()));
    recipe = *std::move(found);
  }
  if (!options.tune.sweep.empty()) {
    const std::vector<Path> profiles(options.profiles.begin(), options.profiles.end());
    COE_TRY_STATUS(run_sweep(files.set(), recipe, options.tune, profiles, session));
    return kExitDone;
  }
  std::optional<ScoreChoice> choice;
  if (options.score.score == kAutoScore && !old) {
    COE_TRY(choice, choose(options, files, recipe, session));
    recipe = choice->trials[choice->chosen].recipe;
  }
  BuiltMask built;
  if (choice) {
    built = choice->trials[choice->chosen].built;
  } else {
    COE_TRY(built, build_mask(files.set(), recipe));
  }
  COE_TRY_STATUS(
      write_file(options.output, mask_to_json(built.mask, options.plain), session.overwrite()));
  MaskOutput output{.built = built,
                    .file = options.output,
                    .pass_1_score = pass_1_score(files.set(), recipe),
                    .coverage_score = std::string(score_name(recipe.score.score)),
                    .choice = choice ? &*choice : nullptr,
                    .rebuilt = {}};
  if (old) output.rebuilt = {options.recipe, *old == built.mask, differing(*old, built.mask)};
  COE_TRY_STATUS(session.emit(
      mask_json(output),
      mask_text(output, options.swaps || session.verbose) +
          next_step("mask", {.model = options.tune.engine.model, .output = options.output})));
  return output.rebuilt && !output.rebuilt->differing.empty() ? kExitCheckFailed : kExitDone;
}

void add_recipe_options(CLI::App& verb, MaskVerbOptions& options) {
  verb.add_option("-k,--keep", options.keep, "Experts to keep in each layer: 64, 50%, half");
  add_score_options(verb, options.score);
  auto* score = verb.get_option("--score");
  score->description(score->get_description() +
                     "; auto: of util, reap_sum, share and the --score-table the one whose mask "
                     "does best on the text of -f");
  verb.add_option("--domain", options.domains,
                  "Score by this sub-domain of the profile only (repeatable; */ROLE for a role)");
  verb.add_option("--seed", options.seed, "Seed of --score random")->capture_default_str();
  add_pass_options(verb, options.passes);
  add_tune_options(verb, options.tune);
}

}  // namespace

void add_mask(CLI::App& app, Run& run) {
  auto options = std::make_shared<MaskVerbOptions>();
  auto* verb = app.add_subcommand("mask", "Choose the K experts a layer that a specialist keeps");
  add_recipe_options(*verb, *options);
  const auto decided = verb->get_options();  // by a recipe
  verb->add_option("-p,--profile", options->profiles,
                   "Routing profile of the domain; several are added, or with FILE:WEIGHT each "
                   "their scores blended; with --recipe all profiles that it names")
      ->required();
  verb->add_option("--score-table", options->score_table,
                   "Score table of coe recon, to choose by instead of --score; the profile still "
                   "tells ranks and coverage");
  auto* output = verb->add_option("-o,--output", options->output, "Mask to write (JSON)");
  verb->get_option("--sweep")->excludes(output)->excludes(verb->get_option("--keep"));
  auto* recipe = verb->add_option("--recipe", options->recipe,
                                  "Mask to build again as its passes say, from the same profiles");
  for (auto* option : decided)
    if (option->get_name() != "--help") recipe->excludes(option);
  verb->add_flag("--plain", options->plain,
                 "Write the reference form {\"0\": [ids], …} without provenance");
  verb->add_flag("--swaps", options->swaps, "Say each swap and its reason (so does -v)");
  verb->callback(
      [options, &run] { run = [options](Session& session) { return mask(*options, session); }; });
}

}  // namespace coe::cli
