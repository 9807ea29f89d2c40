// `coe mask --sweep` and `--score auto`: masks tried on the running parent before one is chosen.
#pragma once

#include "coe/cli/session.h"
#include "coe/eval/eval.h"
#include "coe/recipe/recipe.h"
#include "coe/tune/choose.h"
#include "coe/tune/sweep.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coe::cli {

struct TuneOptions {
  std::string sweep;  // counts; empty: no sweep
  Path svg;
  EngineOptions engine;  // engine.model empty: nothing is measured
  CorpusOptions text;
  EvalOptions eval;
};
void add_tune_options(CLI::App& verb, TuneOptions& options);

// The parent that runs, and the text to measure with.
class TuneBench {
 public:
  // Null when no model is given. Errors: kInvalidArgument for a model without text and the reverse.
  static Result<std::unique_ptr<TuneBench>> open(const TuneOptions& options, Session& session);
  const Bench& bench() const { return *bench_; }
  const OpenModel& model() const { return model_; }

 private:
  TuneBench(OpenModel model, Corpus corpus, std::unique_ptr<Engine> engine)
      : model_(std::move(model)), corpus_(std::move(corpus)), engine_(std::move(engine)) {}

  OpenModel model_;
  Corpus corpus_;
  std::unique_ptr<Engine> engine_;
  std::optional<Bench> bench_;
};

// Runs the sweep, draws and tells it.
Status run_sweep(const ProfileSet& profiles, const MaskRecipe& recipe, const TuneOptions& options,
                 Session& session);

// What each trial came to, the chosen one marked.
Json choice_json(const ScoreChoice& choice);
std::string choice_text(const ScoreChoice& choice);

}  // namespace coe::cli
