// coe bench transfer: what each specialist keeps of each sub-domain, from one command.
#include "coe/cli/bench.h"
#include "coe/cli/bench_transfer_output.h"
#include "coe/cli/eval_options.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/mask_options.h"
#include "coe/corpus/select.h"
#include "coe/engine/run_settings.h"
#include "coe/profile/stage.h"
#include "coe/transfer/masks.h"
#include "coe/transfer/measure.h"
#include "coe/tune/sweep.h"

#include <map>
#include <optional>

namespace coe::cli {

namespace {

struct Options {
  EngineOptions engine;
  std::vector<Path> profiles;
  CorpusOptions corpus;
  std::vector<Path> evaluation;
  std::string counts;
  std::string score = "util";
  std::vector<std::string> masks;  // NAME=FILE
  std::vector<std::uint64_t> random_seeds = {1, 2, 3};
  bool no_random = false;
  std::size_t max_records = 0;
  EvalOptions eval;
  Path folder;
};

// By K, specialists before random masks.
using MasksByCount = std::map<std::uint32_t, std::vector<TransferMask>>;

class Transfer {
 public:
  Transfer(const Options& options, Session& session)
      : options_(options), session_(session), engine_(session.library, options.engine) {}

  Result<int> run();

 private:
  Status check_options() const;
  Status load_text();
  Status make_profile();
  Status add_specialist(TransferMask mask);
  Status add_masks_of_profiles(const std::vector<std::uint32_t>& counts);
  Status add_ready_masks();
  Status add_random_masks();
  Status keep_masks() const;
  Status check_outputs() const;
  Result<TransferResult> read(TransferMatrix matrix, const std::vector<TransferMask>& masks);
  Status report(const std::vector<TransferResult>& results);

  const Options& options_;
  Session& session_;
  std::optional<OpenModel> model_;
  LazyEngine engine_;
  Corpus corpus_;
  Corpus evaluation_;
  ProfileFiles profiles_;
  MasksByCount masks_;
};

Status Transfer::check_options() const {
  const bool has_profile = !options_.profiles.empty();
  const bool has_corpus = !options_.corpus.files.empty();
  if (has_profile && has_corpus)
    return fail(Code::kInvalidArgument, "-p and -f are both given",
                "give profiles, or text to profile");
  if (!has_profile && !has_corpus && options_.masks.empty())
    return fail(Code::kInvalidArgument, "no specialists are given",
                "give profiles (-p), text to profile (-f) or masks (--masks NAME=FILE)");
  if ((has_profile || has_corpus) == options_.counts.empty())
    return fail(Code::kInvalidArgument,
                options_.counts.empty() ? "-k: how many experts to keep is not given"
                                        : "-k: ready masks have their own number of experts",
                options_.counts.empty() ? "for example -k 64,32,96" : "leave -k out");
  return {};
}

Status Transfer::load_text() {
  COE_TRY(evaluation_, load_corpus({options_.evaluation, options_.corpus.text_spec, {}}));
  if (!options_.corpus.files.empty()) {
    COE_TRY(corpus_, load_corpus(options_.corpus));
    COE_TRY_STATUS(check_disjoint(corpus_, evaluation_));
  }
  for (auto& domain : evaluation_.domains)
    if (options_.max_records > 0 && domain.records.size() > options_.max_records)
      domain.records.resize(options_.max_records);
  evaluation_.digest = corpus_digest(evaluation_);
  return {};
}

// Kept as DIR/profile.gguf; a run that is stopped goes on from DIR/profile.gguf.partial.
Status Transfer::make_profile() {
  ProfileOptions options;
  options.run_settings = run_settings(session_.library, options_.engine);
  ProfileStage stage;
  stage.file = options_.folder / "profile.gguf";
  stage.overwrite = session_.overwrite();
  stage.command_line = session_.command_line;
  COE_TRY_STATUS(profile_stage(engine_, model_->moe, corpus_, options, stage, session_.console)
                     .map([](const auto&) {}));
  return profiles_.load(stage.file).map([](const auto&) {});
}

Status Transfer::add_specialist(TransferMask mask) {
  const auto n_keep = mask.mask.n_keep();
  auto& masks = masks_[n_keep];
  for (const auto& other : masks)
    if (other.name == mask.name)
      return fail(
          Code::kInvalidArgument,
          fmt::format("{}: two specialists of {} experts have this name", mask.name, n_keep),
          "give each mask a name of its own");
  masks.push_back(std::move(mask));
  return {};
}

Status Transfer::add_masks_of_profiles(const std::vector<std::uint32_t>& counts) {
  MaskRecipe recipe;
  COE_TRY(recipe.score.score, score_from_name(options_.score));
  for (const auto& profile : profiles_.set().all())
    COE_TRY_STATUS(check_same_model(model_->moe.id, profile.stats->parent, profile.name));
  for (const auto n_keep : counts) {
    COE_TRY(auto masks, domain_masks(profiles_.set(), recipe, n_keep));
    for (auto& mask : masks) COE_TRY_STATUS(add_specialist(std::move(mask)));
  }
  return {};
}

Status Transfer::add_ready_masks() {
  for (const auto& text : options_.masks) {
    const auto at = text.find('=');
    if (at == 0 || at == std::string::npos || at + 1 == text.size())
      return fail(Code::kInvalidArgument, fmt::format("--masks: `{}` is not NAME=FILE", text),
                  "name the sub-domain that the mask is for: --masks web=web.json");
    COE_TRY(auto opened, open_mask(text.substr(at + 1), *model_));
    COE_TRY_STATUS(add_specialist({text.substr(0, at), false, std::move(opened.mask)}));
  }
  return {};
}

Status Transfer::add_random_masks() {
  if (options_.no_random) return {};
  for (auto& [n_keep, masks] : masks_) {
    for (const auto seed : options_.random_seeds) {
      COE_TRY(auto mask, random_transfer_mask(model_->moe, n_keep, seed));
      masks.push_back(std::move(mask));
    }
  }
  return {};
}

// DIR/masks/NAME-kK.json.
Status Transfer::keep_masks() const {
  const Path folder = options_.folder / "masks";
  COE_TRY_STATUS(make_folder(folder));
  for (const auto& [n_keep, masks] : masks_) {
    for (const auto& one : masks) {
      const Path file = folder / fmt::format("{}-k{}.json", file_name_of(one.name), n_keep);
      const auto text = mask_to_json(one.mask, false);
      if (const auto found = read_text(file); found && *found == text) continue;
      COE_TRY_STATUS(write_file(file, text, session_.overwrite()));
    }
  }
  return {};
}

Status Transfer::check_outputs() const {
  COE_TRY_STATUS(check_output(options_.folder / "rows.jsonl", session_.overwrite()));
  for (const auto& [n_keep, masks] : masks_) {
    COE_TRY_STATUS(check_output(options_.folder / matrix_file(n_keep), session_.overwrite()));
    COE_TRY_STATUS(check_output(options_.folder / scatter_file(n_keep), session_.overwrite()));
  }
  return {};
}

Result<TransferResult> Transfer::read(TransferMatrix matrix,
                                      const std::vector<TransferMask>& masks) {
  std::vector<NamedMask> named;
  for (const auto& one : masks)
    if (!one.random) named.push_back({one.name, one.mask});
  std::optional<Overlap> overlap;
  std::optional<AggCosine> cosine;
  if (named.size() >= 2) {
    COE_TRY(overlap, overlap_of(named));
    auto found = agg_cosine(model_->file, model_->moe, named, *overlap,
                            session_.library.dequantizer(), {}, session_.console);
    if (found)
      cosine = *std::move(found);
    else if (found.error().code == Code::kUnsupported)
      session_.console.warning(found.error().message + "; no Agg-cos is reported");
    else
      return tl::unexpected(std::move(found).error());
  }
  TransferResult result{std::move(matrix), {}, {}};
  result.square =
      square_of(result.matrix, overlap ? &*overlap : nullptr, cosine ? &*cosine : nullptr);
  result.reading = read_square(result.square);
  return result;
}

Status Transfer::report(const std::vector<TransferResult>& results) {
  ResultRows rows("bench-transfer", session_);
  rows.set_model(options_.engine.model, model_->moe.id);
  if (const auto* engine = engine_.opened()) rows.set_engine(engine->info().engine);
  rows.set_seed(BootstrapOptions().seed);
  add_parent_rows(results.front().matrix, rows);
  Json order = Json::object();
  std::string text;
  for (const auto& result : results) {
    add_transfer_rows(result, rows);
    order[std::to_string(result.matrix.n_keep)] = order_json(result);
    text += transfer_text(result);
    COE_TRY_STATUS(write_pictures(result, options_.folder, session_.overwrite()));
  }
  COE_TRY_STATUS(rows.write(options_.folder / "rows.jsonl", session_.overwrite()));
  auto doc = rows.document();
  doc["folder"] = options_.folder.string();
  doc["corpus_digest"] = evaluation_.digest;
  doc["score"] = options_.profiles.empty() && options_.corpus.files.empty() ? Json(nullptr)
                                                                            : Json(options_.score);
  doc["max_tokens"] = options_.eval.max_tokens;
  doc["window"] = options_.eval.window;
  doc["stride"] = options_.eval.stride;
  doc["masks"] = Json::array();
  for (const auto& [n_keep, masks] : masks_)
    for (const auto& one : masks)
      doc["masks"].push_back({{"name", one.name},
                              {"n_keep", n_keep},
                              {"random", one.random},
                              {"digest", one.mask.digest()}});
  doc["order"] = std::move(order);
  text +=
      "p: labels of sub-domains permuted (Mantel), for pairs share specialists; intervals of "
      "correlations: vertex bootstrap\n";
  text += fmt::format("{}: rows.jsonl, pictures, masks and cells\n", options_.folder.string());
  return session_.emit(doc, text);
}

Result<int> Transfer::run() {
  COE_TRY_STATUS(check_options());
  std::vector<std::uint32_t> counts;
  if (!options_.counts.empty()) {
    COE_TRY(counts, parse_counts(options_.counts));
  }
  COE_TRY_STATUS(load_text());
  COE_TRY(model_, open_model(options_.engine.model, session_));
  for (const auto n_keep : counts)
    COE_TRY_STATUS(check_keep_count(n_keep, model_->moe.n_expert, model_->moe.n_expert_used));
  COE_TRY_STATUS(add_ready_masks());
  for (const auto n_keep : counts) masks_[n_keep];  // for their names are known now
  COE_TRY_STATUS(make_folder(options_.folder / "cells"));
  COE_TRY_STATUS(check_outputs());
  if (!options_.corpus.files.empty()) COE_TRY_STATUS(make_profile());
  for (const auto& path : options_.profiles)
    COE_TRY_STATUS(profiles_.load(path).map([](const auto&) {}));
  COE_TRY_STATUS(add_masks_of_profiles(counts));
  COE_TRY_STATUS(add_random_masks());
  COE_TRY_STATUS(keep_masks());

  std::vector<std::vector<TransferMask>> sets;
  for (const auto& [n_keep, masks] : masks_) sets.push_back(masks);
  const TransferBench bench{model_->file,
                            model_->moe,
                            evaluation_,
                            options_.eval,
                            options_.folder / "cells",
                            run_settings(session_.library, options_.engine),
                            session_.overwrite(),
                            engine_};
  COE_TRY(auto matrices, measure_transfer(bench, sets, session_.console));
  std::vector<TransferResult> results;
  for (std::size_t k = 0; k < sets.size(); ++k) {
    COE_TRY(auto result, read(std::move(matrices[k]), sets[k]));
    results.push_back(std::move(result));
  }
  COE_TRY_STATUS(report(results));
  return kExitDone;
}

}  // namespace

void add_bench_transfer(CLI::App& bench, Run& run) {
  auto options = std::make_shared<Options>();
  auto* verb = bench.add_subcommand(
      "transfer", "Matrix of specialists and sub-domains: what each keeps of the others' text");
  verb->add_option("-m,--model", options->engine.model, "Parent GGUF")->required();
  verb->add_option("-p,--profile", options->profiles,
                   "Routing profiles of the parent: a specialist for each of their sub-domains");
  add_corpus_options(*verb, options->corpus, false);
  verb->add_option("--eval", options->evaluation, "Held-out JSONL text (repeatable)")->required();
  verb->add_option("-k,--keep", options->counts, "Experts to keep in each layer: 64,32,96");
  verb->add_option("--score", options->score, "How experts are scored (see `coe mask --help`)")
      ->capture_default_str();
  verb->add_option("--masks", options->masks,
                   "Ready masks, each with the sub-domain that it is for: NAME=FILE");
  verb->add_option("--random-seeds", options->random_seeds,
                   "Random masks of each K to beat, one for each seed")
      ->delimiter(',')
      ->capture_default_str();
  verb->add_flag("--no-random", options->no_random, "No random masks");
  verb->add_option("--max-records", options->max_records,
                   "Of each sub-domain's held-out text take only so many records (0: all)")
      ->capture_default_str();
  add_eval_options(*verb, options->eval);
  verb->add_option("-o,--output", options->folder,
                   "Folder for rows, pictures, masks, and what has been measured so far: the same "
                   "command goes on from there")
      ->required();
  add_engine_options(*verb, options->engine);
  verb->callback([options, &run] {
    run = [options](Session& session) { return Transfer(*options, session).run(); };
  });
}

}  // namespace coe::cli
