#include "coe/profile/stage.h"

#include "coe/base/inputs.h"
#include "coe/profile/checkpoint.h"
#include "coe/profile/routing/file.h"

#include <fmt/format.h>

#include <chrono>
#include <system_error>
#include <utility>

namespace coe {

namespace {

bool is_there(const Path& path) {
  std::error_code ec;
  return std::filesystem::exists(path, ec);
}

}  // namespace

Error of_another_run(const Path& file, std::string_view difference) {
  return {Code::kExists, fmt::format("{}: is of another run: {}", file.string(), difference),
          "add --force to replace it, or choose another output name"};
}

Path partial_of(const Path& file) { return file.string() + ".partial"; }

Status check_profile_stage(const ProfileStage& stage) {
  // A finished profile that fits is no hindrance; whether it does is known later.
  COE_TRY_STATUS(check_output(stage.file, stage.resume ? Overwrite::kAllow : stage.overwrite));
  COE_TRY_STATUS(check_not_input(partial_of(stage.file)));  // it goes at the end
  if (stage.resume || stage.overwrite == Overwrite::kAllow || !is_there(partial_of(stage.file)))
    return {};
  return fail(Code::kExists,
              fmt::format("{}: an unfinished run is there", partial_of(stage.file).string()),
              "add --resume to go on with it, or --force to start again");
}

Result<StagedProfile> profile_stage(LazyEngine& engine, const MoeModel& parent,
                                    const Corpus& corpus, const ProfileOptions& options,
                                    const ProfileStage& stage, Observer& observer) {
  const Path partial = partial_of(stage.file);
  const bool may_replace = stage.overwrite == Overwrite::kAllow;
  COE_TRY_STATUS(check_profile_stage(stage));
  COE_TRY(const auto lock, RunLock::take(stage.file));
  if (stage.resume && is_there(stage.file)) {
    auto found = read_profile(stage.file);
    if (!found && !may_replace) return tl::unexpected(std::move(found).error());
    const auto difference = found ? profile_difference(*found, parent, corpus, options)
                                  : std::optional<std::string>("");
    if (!difference) {
      remove_checkpoint(partial);
      return StagedProfile{{*std::move(found), std::nullopt, 0}, true, 0.0};
    }
    if (!may_replace) return tl::unexpected(of_another_run(stage.file, *difference));
  }
  if (stage.on_work) stage.on_work();
  COE_TRY(auto* const running, engine.get());
  const auto start = std::chrono::steady_clock::now();
  const auto run = [&](bool resume) {
    return run_profile(*running, parent, corpus, options, {partial, stage.seconds, resume},
                       stage.command_line, observer);
  };
  auto done = run(stage.resume);
  if (!done && done.error().code == Code::kMismatch && stage.resume && may_replace &&
      is_there(partial)) {
    observer.warning(done.error().message + "; it is replaced");
    remove_checkpoint(partial);
    done = run(false);
  }
  if (!done) return tl::unexpected(std::move(done).error());
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
  if (stage.before_write) COE_TRY_STATUS(stage.before_write(*done));
  COE_TRY_STATUS(write_profile(stage.file, done->stats, stage.overwrite));
  remove_checkpoint(partial);
  return StagedProfile{*std::move(done), false, wall.count()};
}

}  // namespace coe
