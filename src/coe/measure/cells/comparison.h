// What a comparison of specialists is made of, whatever it compares: `coe bench scores` and
// `coe bench transfer`.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine_library.h"
#include "coe/mask/recipe/profile_files.h"
#include "coe/measure/eval/eval.h"
#include "coe/model/moe/model.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace coe {

struct ComparisonOptions {
  EngineOptions engine;  // engine.model is the parent
  // One domain for each sub-domain of the profiles, or of the corpus, which is profiled first.
  std::vector<Path> profiles;
  Corpus corpus;
  std::vector<std::uint32_t> counts;
  std::vector<std::uint64_t> random_seeds;  // of random masks of each count
  Corpus evaluation;
  std::size_t max_records = 0;  // of each sub-domain's evaluation take the first so many; 0: all
  EvalOptions eval;
  Path folder;  // made where it is missing
  Overwrite overwrite = Overwrite::kRefuse;
  std::string command_line;

  bool has_corpus() const { return !corpus.domains.empty(); }
};

// Profiles the corpus into DIR/profile.gguf and adds that to `profiles`. A run that was stopped
// goes on from DIR/profile.gguf.partial. `squares`: as ProfileOptions has it; `run_settings`: see
// run_settings(). Errors: those of profile_stage.
Status profile_corpus(const ComparisonOptions& options, std::string run_settings, bool squares,
                      LazyEngine& engine, const MoeModel& model, ProfileFiles& profiles,
                      Observer& observer);

}  // namespace coe
