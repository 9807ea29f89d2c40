// coe eval: measure a model, alone, under a mask, or against its parent.
#include "coe/measure/eval/eval.h"

#include "coe/child/instant/masked_model.h"
#include "coe/cli/eval_options.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/eval.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/render/result_rows.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/engine/run_settings.h"
#include "coe/measure/eval/noise_floor.h"
#include "coe/measure/eval/parent_cache.h"
#include "coe/model/moe/open_model.h"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <optional>

namespace coe::cli {

namespace {

struct EvalVerbOptions {
  CorpusOptions corpus;
  EngineOptions engine;
  EvalOptions eval;
  bool per_record = false;
  std::vector<Path> masks;
  std::optional<MaskedAs> masked_as;  // nullopt: see choose_masked_as()
  Path parent;
  Path cache;
  double cache_tail = ParentCacheOptions().tail;
  Path rows;
};

bool is_cached(const EvalVerbOptions& options) {
  std::error_code ec;
  return !options.cache.empty() && std::filesystem::exists(options.cache, ec);
}

// Where the model must run without a mask too, as its own reference, or under several masks, it is
// in memory for all of them.
MaskedAs choose_masked_as(const EvalVerbOptions& options) {
  const bool runs_whole = options.parent.empty() && !is_cached(options);
  return runs_whole || options.masks.size() > 1 ? MaskedAs::kVirtual : MaskedAs::kInstant;
}

// The model in all the ways in which it is measured.
class Subjects {
 public:
  static Result<Subjects> open(const EvalVerbOptions& options, const OpenModel& model,
                               Session& session);
  std::vector<EvalSubject> runs();
  // Runs the model without a mask; opens it where none of the subjects did.
  Result<Engine*> whole(const EvalVerbOptions& options, Session& session);
  // Null where no subject is under virtual surgery.
  Engine* under_filter() {
    return masks_.empty() || !masks_.front().filter ? nullptr : whole_.get();
  }

 private:
  std::unique_ptr<Engine> whole_;
  std::vector<MaskedModel> masks_;
  std::vector<std::unique_ptr<Engine>> children_;  // of instant masks
};

Result<Subjects> Subjects::open(const EvalVerbOptions& options, const OpenModel& model,
                                Session& session) {
  Subjects out;
  for (const auto& path : options.masks) {
    COE_TRY(auto masked,
            mask_model(options.engine, model, path, *options.masked_as, session.console));
    out.masks_.push_back(std::move(masked));
  }
  if (out.masks_.empty() || out.masks_.front().filter) {
    COE_TRY(out.whole_, session.library.open(options.engine));
    return out;
  }
  for (const auto& masked : out.masks_) {
    COE_TRY(auto child, session.library.open(masked.engine));
    out.children_.push_back(std::move(child));
  }
  return out;
}

std::vector<EvalSubject> Subjects::runs() {
  if (masks_.empty()) return {{whole_.get(), nullptr}};
  std::vector<EvalSubject> out;
  out.reserve(masks_.size());
  for (std::size_t i = 0; i < masks_.size(); ++i)
    out.push_back(
        {masks_[i].filter ? whole_.get() : children_[i].get(), masks_[i].filter_or_null()});
  return out;
}

Result<Engine*> Subjects::whole(const EvalVerbOptions& options, Session& session) {
  if (!whole_) {
    COE_TRY(whole_, session.library.open(options.engine));
  }
  return whole_.get();
}

// A parent is what subjects are held to, if anything.
class Parent {
 public:
  static Result<Parent> open(const EvalVerbOptions& options, const OpenModel& model,
                             Subjects& subjects, Session& session);
  ReferenceSource* source() const { return source_.get(); }
  const ParentCache* cache() const { return cache_; }

 private:
  std::unique_ptr<Engine> engine_;  // of --parent, where it runs
  std::unique_ptr<ReferenceSource> source_;
  const ParentCache* cache_ = nullptr;  // the source, when it is one
};

Result<Parent> Parent::open(const EvalVerbOptions& options, const OpenModel& model,
                            Subjects& subjects, Session& session) {
  Parent out;
  std::string digest;
  EngineOptions parent_options = options.engine;
  // Under a mask, and without another parent, the model as it is serves as its own reference.
  std::optional<EvalSubject> runs;
  if (!options.parent.empty()) {
    COE_TRY(const auto opened, open_model(options.parent, session.console));
    digest = opened.moe.id.digest;
    parent_options.model = options.parent;
    if (!is_cached(options)) {
      COE_TRY(out.engine_, session.library.open(parent_options));
      runs = EvalSubject{out.engine_.get(), nullptr, "the parent"};
    }
  } else if (!options.masks.empty()) {
    digest = model.moe.id.digest;
    if (!is_cached(options)) {
      COE_TRY(auto* engine, subjects.whole(options, session));
      runs = EvalSubject{engine, nullptr, "the parent"};
    }
  }
  if (!options.cache.empty()) {
    const ParentCacheOptions cache{
        options.cache, digest, run_settings(session.library, parent_options), options.cache_tail};
    COE_TRY(auto opened, ParentCache::open(cache, runs ? &*runs : nullptr));
    out.cache_ = opened.get();
    out.source_ = std::move(opened);
  } else if (runs) {
    out.source_ = std::make_unique<RunningReference>(*runs);
  }
  return out;
}

Json cache_json(const EvalVerbOptions& options, const ParentCache* cache) {
  if (cache == nullptr) return nullptr;
  const auto& header = cache->header();
  return {{"file", options.cache.string()},
          {"written", cache->is_written()},
          {"parent_digest", header.model_digest},
          {"tail", header.tail},
          {"n_byte", cache->n_byte()},
          {"bytes_per_token",
           static_cast<double>(cache->n_byte()) / static_cast<double>(header.n_token)}};
}

Result<int> eval(EvalVerbOptions options, Session& session) {
  if (!options.masked_as) options.masked_as = choose_masked_as(options);
  COE_TRY(const auto lock, session.claim(options.rows));
  if (!options.rows.empty() && options.rows == options.cache)
    return fail(Code::kInvalidArgument, "-o and --parent-cache are the same file",
                "give each a name of its own");
  COE_TRY(const auto corpus, load_corpus(options.corpus, options.engine.model, session));
  COE_TRY(const auto model, open_model(options.engine.model, session.console));
  COE_TRY(auto subjects, Subjects::open(options, model, session));
  COE_TRY(const auto parent, Parent::open(options, model, subjects, session));
  const auto runs = subjects.runs();
  const auto start = std::chrono::steady_clock::now();
  COE_TRY(const auto reports,
          evaluate_against(runs, parent.source(), corpus, options.eval, session.console));
  std::optional<NoiseFloor> noise;
  auto* filtered = subjects.under_filter();
  if (filtered != nullptr && filtered->info().on_gpu) {
    COE_TRY(noise, noise_floor(*filtered, corpus, session.console));
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  auto doc = document("eval");
  doc["model"] = {{"file", options.engine.model.string()}, {"digest", model.moe.id.digest}};
  doc["parent"] = options.parent.empty() ? Json(nullptr) : Json(options.parent.string());
  doc["engine"] = reports.front().engine;
  doc["corpus_digest"] = corpus.digest;
  doc["max_tokens"] = options.eval.max_tokens;
  doc["window"] = options.eval.window;
  doc["stride"] = options.eval.stride;
  doc["parent_cache"] = cache_json(options, parent.cache());
  doc["seconds"] = seconds;
  doc["masked_as"] =
      options.masks.empty() ? Json(nullptr) : Json(masked_as_name(*options.masked_as));
  doc["noise"] = noise ? noise_json(*noise) : Json(nullptr);
  doc["results"] = Json::array();
  auto rows = session.result_rows("eval");
  rows.set_model(options.engine.model, model.moe.id);
  rows.set_engine(reports.front().engine);
  rows.set_seed(BootstrapOptions().seed);
  std::string text;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    const auto mask = options.masks.empty() ? std::string() : options.masks[i].string();
    const EvalOutput output{reports[i], mask, i == 0 ? nullptr : &reports.front(),
                            parent.cache() != nullptr, options.per_record};
    doc["results"].push_back(eval_json(output));
    if (reports.size() > 1) text += fmt::format("{}\n", mask);
    text += eval_text(output);
    add_eval_rows(output, rows);
  }
  if (noise) text += fmt::format("  {}\n", noise_text(*noise));
  if (!options.rows.empty()) COE_TRY_STATUS(rows.write(options.rows, session.overwrite()));
  text += next_step("eval", {.model = options.engine.model, .masks = options.masks});
  COE_TRY_STATUS(session.emit(doc, text));
  return kExitDone;
}

}  // namespace

void add_eval(CLI::App& app, Run& run) {
  auto options = std::make_shared<EvalVerbOptions>();
  auto* verb = app.add_subcommand("eval", "Perplexity, KL and top-1 agreement on held-out text");
  add_model_option(*verb, "-m,--model", options->engine.model, "Model to measure")->required();
  add_corpus_options(*verb, options->corpus);
  verb->add_option("--mask", options->masks,
                   "Measure the model with only the mask's experts; several masks are compared "
                   "with the first");
  add_masked_as(*verb, options->masked_as);
  add_model_option(*verb, "--parent", options->parent,
                   "Model to compare with (with --mask, by default the model itself without it)");
  verb->add_option("--parent-cache", options->cache,
                   "File of the parent's logits: written where it is missing, else used instead of "
                   "running the parent (docs/formats/parent-logits.md)");
  verb->add_option("--cache-tail", options->cache_tail,
                   "Probability that the file may leave out for each token (0: none)")
      ->check(CLI::Range(0.0, 0.5))
      ->capture_default_str();
  verb->add_flag("--per-record", options->per_record,
                 "Also the sums of each record in --json, for statistics of your own");
  add_eval_options(*verb, options->eval);
  add_rows_option(*verb, options->rows);
  add_engine_options(*verb, options->engine);
  verb->callback(
      [options, &run] { run = [options](Session& session) { return eval(*options, session); }; });
}

}  // namespace coe::cli
