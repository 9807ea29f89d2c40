// The main job in one call: profile, mask, prune, verify, evaluate. Each stage's file is kept
// beside the output and used again when it still fits, so an interrupted run resumes and a second
// run is quick.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine_library.h"
#include "coe/mask/recipe/aggregate.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/measure/eval/eval.h"
#include "coe/measure/eval/noise_floor.h"
#include "coe/measure/eval/slice_check.h"
#include "coe/profile/profile.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coe {

struct SpecializeOptions {
  EngineOptions engine;  // engine.model is the parent
  Corpus corpus;         // its sub-domains are the specialist's own
  Corpus evaluation;     // held-out text; empty: every tenth record of the corpus is held out
  // Pass 1 is that of the profile to be taken; `profiles` holds those that other passes name.
  MaskRecipe recipe;
  AggregateChoice aggregate;  // of pass 1
  ProfileSet profiles;
  ProfileOptions profile;
  EvalOptions eval;
  std::uint32_t n_random = 3;      // random masks of the same size to compare with; seeds 1, 2, …
  double checkpoint_seconds = 60;  // between two states of the profile; 0: none is kept
  Path output;
  Overwrite overwrite = Overwrite::kRefuse;
  std::string command_line;
};

struct StageReport {
  std::string name;
  Path file;            // empty for verify
  bool reused = false;  // its file fitted and was kept
  double wall_s = 0.0;
};

// One row of the final table.
struct DomainResult {
  std::string name;
  bool own = false;  // the specialist was profiled on it
  DomainEval specialist;
  std::vector<double> random_perplexity;
  std::vector<double> random_kl;
};

struct SpecializeReport {
  std::vector<StageReport> stages;
  std::uint32_t n_keep = 0;
  std::uint32_t n_expert = 0;
  std::uint64_t bytes_parent = 0;
  std::uint64_t bytes_child = 0;
  double coverage = 0.0;
  std::uint64_t n_expert_checked = 0;     // by verify
  std::vector<DomainResult> domains;      // own ones first
  std::optional<SliceCheck> slice_check;  // none where the engine cannot say what layers give
  std::optional<NoiseFloor> noise;        // on a GPU
};

// Stage files of output DIR/NAME.gguf: DIR/NAME.{profile.gguf,mask.json,gguf,eval.json}. Errors:
// those of the stages; kMismatch for profiles of another model; kExists when a stage's file is
// there but belongs to another run (named by what differs) and `overwrite` is kRefuse; kCheckFailed
// when the child fails its proof (the child is removed) or its layers do not compute what the
// masked parent's do.
Result<SpecializeReport> specialize(const SpecializeOptions& options, const EngineLibrary& library,
                                    Observer& observer);

}  // namespace coe
