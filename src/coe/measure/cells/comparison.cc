#include "coe/measure/cells/comparison.h"

#include "coe/profile/stage.h"

#include <utility>

namespace coe {

Status profile_corpus(const ComparisonOptions& options, std::string run_settings, bool squares,
                      LazyEngine& engine, const MoeModel& model, ProfileFiles& profiles,
                      Observer& observer) {
  ProfileOptions profile;
  profile.run_settings = std::move(run_settings);
  profile.squares = squares;
  ProfileStage stage;
  stage.file = options.folder / "profile.gguf";
  stage.overwrite = options.overwrite;
  stage.command_line = options.command_line;
  COE_TRY_STATUS(
      profile_stage(engine, model, options.corpus, profile, stage, observer).map([](const auto&) {
      }));
  return profiles.load(stage.file).map([](const auto&) {});
}

}  // namespace coe
