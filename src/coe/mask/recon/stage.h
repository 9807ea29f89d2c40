// From text to a finished score table, in one way for every verb that needs one on its way: a table
// that fits is used again, an unfinished one is gone on with.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine_library.h"
#include "coe/mask/recon/recon.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include <functional>
#include <string>

namespace coe {

struct ReconStage {
  Path file;
  Overwrite overwrite = Overwrite::kRefuse;  // kAllow: a table of another run is replaced
  std::string command_line;                  // goes into the table
  // Called before the model is opened, where there is no table that fits.
  std::function<void()> on_work = nullptr;
};

// Returns whether the table was there. `engine` says how the model is opened: its batch and
// candidates are set here. `options.run_settings` must be set. Errors: kExists where the file
// belongs to another run and may not be replaced, naming what differs; those of candidate_depth,
// EngineLibrary::open, run_recon and write_recon_table.
Result<bool> recon_stage(const EngineLibrary& library, EngineOptions engine,
                         const gguf::GgufFile& parent, const MoeModel& model, const Corpus& corpus,
                         const ReconOptions& options, const ReconStage& stage, Observer& observer);

}  // namespace coe
