// The shoot-out of scores from text to tables: profiles what needs profiling, makes a specialist of
// each domain by each score at each K, and measures it on its own domain's held-out text. All that
// is found is kept in one folder, so that the same run goes on from there.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/child/heal/heal.h"
#include "coe/engine/engine_library.h"
#include "coe/mask/score/score.h"
#include "coe/measure/cells/comparison.h"
#include "coe/measure/scores/shootout.h"
#include "coe/model/moe/model.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// Names of rows that are no score of a profile.
inline constexpr std::string_view kReconRow = "recon";
inline constexpr std::string_view kRandomRow = "random";

// The row `random` is the mean over `random_seeds`.
struct ScoresOptions : ComparisonOptions {
  // The first is the baseline. Empty: all that a profile has what it takes for, util first.
  std::vector<Score> scores;
  // The rows of `recon`, from the corpus; 0: none.
  std::uint64_t n_recon_token = 16000;
  // A row of the specialists that recon chooses, healed: run_settings and state are set here.
  std::optional<HealOptions> heal;
};

struct ScoresReport {
  ModelId model;
  std::string corpus_digest;          // of the evaluation text, as it was cut
  std::string engine;                 // EngineInfo::engine of what measured
  std::vector<Shootout> shootouts;    // by K
  std::vector<std::string> left_out;  // domains without held-out text
};

// The folder also holds a profile of the corpus (profile.gguf), recon/NAME.gguf,
// masks/SCORE-NAME-kK.json, and cells/ with what has been measured so far. The caller writes the
// rows (base/run_files.h). Errors: kInvalidArgument for a K that the model does not allow, `recon`
// without a corpus, healing without recon, and where no domain has held-out text; kExists for
// outputs that are there, unless `overwrite` allows it; those of check_disjoint, open_model,
// profile_stage, recon_stage, build_mask, check_healable, fill_cells and fill_healed.
Result<ScoresReport> run_scores(const ScoresOptions& options, const EngineLibrary& library,
                                Observer& observer);

}  // namespace coe
