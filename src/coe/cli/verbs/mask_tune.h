// `coe mask --sweep` and `--score auto`: masks tried on the running parent before one is chosen.
#pragma once

#include "coe/cli/options.h"
#include "coe/cli/session.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/measure/eval/eval.h"
#include "coe/measure/tune/tune_bench.h"

#include <memory>
#include <string>
#include <vector>

namespace coe::cli {

struct TuneOptions {
  std::string sweep;       // counts; empty: no sweep
  double max_loss = 10.0;  // per cent
  Path svg;
  EngineOptions engine;  // engine.model empty: nothing is measured
  CorpusOptions text;
  EvalOptions eval;
};
void add_tune_options(CLI::App& verb, TuneOptions& options);

// Null when no model is given. Errors: kInvalidArgument for a model without text and the reverse;
// those of load_corpus and TuneBench::open.
Result<std::unique_ptr<TuneBench>> open_tune_bench(const TuneOptions& options, Session& session);

// Runs the sweep, draws and tells it. `files` are the profiles as they were given.
Status run_sweep(const ProfileSet& profiles, const MaskRecipe& recipe, const TuneOptions& options,
                 const std::vector<Path>& files, Session& session);

}  // namespace coe::cli
