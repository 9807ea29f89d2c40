// From text to a finished profile file, in one way for every verb: a profile that fits is used
// again, an unfinished one is gone on with, and the state beside it is cleaned up.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine_library.h"
#include "coe/model/moe/model.h"
#include "coe/profile/profile.h"

#include <functional>
#include <optional>
#include <string>

namespace coe {

struct ProfileStage {
  Path file;            // the state is kept beside it, as FILE.partial
  double seconds = 60;  // between two states; 0: none is kept
  // Off: nothing that is there is used. A finished profile is then in the way, and so is the state
  // of an unfinished one.
  bool resume = true;
  // kAllow: what belongs to another run is replaced. A state that fits is gone on with all the
  // same, if `resume`.
  Overwrite overwrite = Overwrite::kRefuse;
  std::string command_line;  // goes into the profile
  // Called before the model is opened, where there is no finished profile that fits.
  std::function<void()> on_work = nullptr;
  // Called with a fresh profile before it appears under its name; an error ends the stage.
  std::function<Status(const ProfileRun&)> before_write = nullptr;
};

struct StagedProfile {
  ProfileRun run;
  bool reused = false;  // the file was there and fitted; no engine was opened
  double wall_s = 0.0;  // of the run, without loading the model
};

// A stage's file is there but belongs to another run: kExists.
Error of_another_run(const Path& file, std::string_view difference);

// Returns where the state of an unfinished profile is kept.
Path partial_of(const Path& file);

// Refuses what would be in the way of the stage, before long work. Errors: kExists, kNotFound for
// a folder that is not there.
Status check_profile_stage(const ProfileStage& stage);

// `options.run_settings` must be set. Errors: kExists where the file, or the state, belongs to
// another run and may not be replaced, naming what differs, or where another process makes it;
// those of run_profile and write_profile.
Result<StagedProfile> profile_stage(LazyEngine& engine, const MoeModel& parent,
                                    const Corpus& corpus, const ProfileOptions& options,
                                    const ProfileStage& stage, Observer& observer);

}  // namespace coe
