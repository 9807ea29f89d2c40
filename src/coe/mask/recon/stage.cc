#include "coe/mask/recon/stage.h"

#include "coe/mask/score/table.h"
#include "coe/profile/stage.h"

#include <filesystem>
#include <system_error>
#include <utility>

namespace coe {

Result<bool> recon_stage(const EngineLibrary& library, EngineOptions engine,
                         const gguf::GgufFile& parent, const MoeModel& model, const Corpus& corpus,
                         const ReconOptions& options, const ReconStage& stage, Observer& observer) {
  engine.n_batch = kReconBatch;
  COE_TRY(engine.n_candidate, candidate_depth(model, 0));
  std::error_code ec;
  if (std::filesystem::exists(stage.file, ec)) {
    const auto found = read_score_table(stage.file);
    if (found && found->parent.digest == model.id.digest && found->corpus_digest == corpus.digest &&
        found->settings == recon_settings(options, engine.n_candidate))
      return true;
    if (stage.overwrite != Overwrite::kAllow)
      return tl::unexpected(of_another_run(
          stage.file, found ? "it is of another text or other settings" : found.error().message));
  }
  if (stage.on_work) stage.on_work();
  COE_TRY(const auto running, library.open(engine));
  COE_TRY(auto table, run_recon(*running, parent, model, corpus, options, observer));
  table.command_line = stage.command_line;
  COE_TRY_STATUS(write_recon_table(stage.file, table, stage.overwrite));
  return false;
}

}  // namespace coe
