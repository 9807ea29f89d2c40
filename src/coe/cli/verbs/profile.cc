// coe profile and coe merge: record routing; add profiles.
#include "coe/profile/profile.h"

#include "coe/base/text.h"
#include "coe/child/instant/masked_model.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/render/profile.h"
#include "coe/cli/verbs/chats.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/engine/run_settings.h"
#include "coe/model/moe/open_model.h"
#include "coe/profile/checkpoint.h"
#include "coe/profile/routing/file.h"
#include "coe/profile/stability_report.h"
#include "coe/profile/stage.h"

#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

namespace coe::cli {

namespace {

struct ProfileVerbOptions {
  CorpusOptions corpus;
  EngineOptions engine;
  ProfileOptions profile;
  ChatOptions chats;
  Path output;
  Path mask;
  std::optional<MaskedAs> masked_as = MaskedAs::kVirtual;
  std::string shard;
  bool no_outputs = false;
  double checkpoint_seconds = 60;
  bool resume = false;
  bool stability = false;
  std::uint32_t stability_keep = 0;
  std::optional<double> until_stable;

  std::string rank;  // under MPI: of a state of its own
  std::optional<MaskedModel> masked;

  // This is a rank's, which has no finished profile of its own.
  Path partial() const { return partial_of(output.string() + rank); }
};

// "2/8": the second of eight.
Status parse_shard(const std::string& text, ProfileOptions& options) {
  const char* end = text.data() + text.size();
  std::uint32_t index = 0;
  const auto first = std::from_chars(text.data(), end, index);
  std::uint32_t count = 0;
  const bool slash = first.ec == std::errc() && first.ptr != end && *first.ptr == '/';
  const auto second = slash ? std::from_chars(first.ptr + 1, end, count) : first;
  if (!slash || second.ec != std::errc() || second.ptr != end || index < 1 || index > count)
    return fail(Code::kInvalidArgument,
                fmt::format("--shard: `{}` is not of the form i/n with 1 <= i <= n", text),
                "the second of eight shards is --shard 2/8");
  options.shard = index - 1;
  options.n_shard = count;
  return {};
}

StabilityFiles stability_files(const ProfileVerbOptions& options) {
  StabilityFiles files{options.output, options.output};
  files.report.replace_extension(".stability.json");
  files.picture.replace_extension(".stability.svg");
  return files;
}

// Without --resume, so that a profile does not tell how often its run was stopped.
std::string recorded_command(const Session& session) {
  constexpr std::string_view kResume = " --resume";
  std::string command = session.command_line;
  const auto at = command.find(kResume);
  const auto end = at + kResume.size();
  if (at != std::string::npos && (end == command.size() || command[end] == ' '))
    command.erase(at, kResume.size());
  return command;
}

ProfileStage stage_of(const ProfileVerbOptions& options, const Session& session) {
  ProfileStage stage;
  stage.file = options.output;
  stage.seconds = options.checkpoint_seconds;
  stage.resume = options.resume;
  stage.overwrite = session.overwrite();
  stage.command_line = recorded_command(session);
  return stage;
}

// Refuses what is in the way, before the long work. An unfinished run is never thrown away unasked.
Status check_outputs(const ProfileVerbOptions& options, const ProfileStage& stage) {
  COE_TRY_STATUS(check_profile_stage(stage));
  if (options.resume || !options.profile.stability) return {};
  const auto files = stability_files(options);
  COE_TRY_STATUS(check_output(files.report, stage.overwrite));
  return check_output(files.picture, stage.overwrite);
}

Status write_stability(const ProfileRun& run, const ProfileVerbOptions& options,
                       const Session& session) {
  const auto overwrite = options.resume ? Overwrite::kAllow : session.overwrite();
  const auto files = stability_files(options);
  COE_TRY_STATUS(write_file(files.report, stability_json(*run.stability, run.stats), overwrite));
  return write_file(files.picture, stability_svg(*run.stability, run.stats), overwrite);
}

Status emit_profile(const ProfileRun& run, const ProfileVerbOptions& options, const ChatLog& chats,
                    std::optional<double> wall_s, Session& session) {
  ProfileOutput output{.run = run,
                       .file = options.output,
                       .stability = stability_files(options),
                       .n_sample = chats.n_sample(run.stats),
                       .wall_s = wall_s,
                       .chats = {}};
  // These are the chats that this process ran.
  if (wall_s && session.ranks.size() == 1) output.chats = chats.counts();
  return session.emit(profile_json(output),
                      profile_text(output) + next_step("profile", {.output = options.output}));
}

// The texts of records that another process ran, or ran before, are not here to be kept.
Status check_save_text(const ProfileVerbOptions& options, const Session& session) {
  if (options.chats.save_text.empty()) return {};
  if (options.resume)
    return fail(Code::kInvalidArgument, "--save-text: the texts of a stopped run are not kept",
                "start again with --force, or resume without --save-text");
  if (session.ranks.size() > 1)
    return fail(Code::kInvalidArgument, "--save-text: MPI ranks have texts of their own",
                "use --shard, with a file for each");
  return {};
}

// Each rank takes a shard, its part of the cores, and a state file of its own.
Status take_rank(const Ranks& ranks, ProfileVerbOptions& options) {
  if (!options.shard.empty())
    return fail(Code::kInvalidArgument, "--shard: MPI ranks share the records by themselves",
                "leave --shard out, or start a single process");
  if (options.profile.stability)
    return fail(Code::kInvalidArgument, "--stability: no MPI rank sees all of the text",
                "watch the mask with a single process");
  options.profile.shard = ranks.rank();
  options.profile.n_shard = ranks.size();
  options.rank = fmt::format(".{}-of-{}", ranks.rank() + 1, ranks.size());
  if (options.engine.n_threads == 0) options.engine.n_threads = static_cast<int>(ranks.n_core());
  return {};
}

// Opens the model whose experts are counted: an instant mask's child has ids of its own. The
// profile's options point into `options` from here on: it stays where it is.
Result<OpenModel> open_profiled(ProfileVerbOptions& options, Session& session) {
  COE_TRY(auto model, open_model(options.engine.model, session.console));
  if (!options.mask.empty()) {
    COE_TRY(options.masked,
            mask_model(options.engine, model, options.mask, *options.masked_as, session.console));
    options.engine = options.masked->engine;
    if (options.engine.source) {
      COE_TRY(model, open_model(options.engine.source, session.console));
    } else {
      options.profile.filter = options.masked->filter_or_null();
      options.profile.mask_digest = options.masked->mask.digest();
    }
  }
  options.profile.run_settings = run_settings(session.library, options.engine);
  return model;
}

// Rank 0 has the sum, writes and reports it; the others are done when it has.
Result<int> profile_on_ranks(ProfileVerbOptions options, const ChatLog& chats, Session& session) {
  auto& ranks = session.ranks;
  COE_TRY_STATUS(take_rank(ranks, options));
  auto stage = stage_of(options, session);
  stage.file = options.output.string() + options.rank;
  COE_TRY_STATUS(check_outputs(options, stage));
  COE_TRY(const auto lock, RunLock::take(stage.file));
  COE_TRY(const auto corpus, load_corpus(options.corpus, options.engine.model, session));
  auto start = std::chrono::steady_clock::now();
  std::optional<RoutingStats> share;
  std::int64_t n_resumed = 0;
  if (ranks.rank() < corpus.n_record()) {
    COE_TRY(const auto model, open_profiled(options, session));
    COE_TRY(const auto engine, session.library.open(options.engine));
    start = std::chrono::steady_clock::now();
    RankObserver observer(ranks, session.console);
    const CheckpointOptions checkpoint{options.partial(), stage.seconds, stage.resume};
    COE_TRY(auto run, run_profile(*engine, model.moe, corpus, options.profile, checkpoint,
                                  stage.command_line, observer));
    n_resumed = run.n_resumed;
    share = std::move(run.stats);
  }
  COE_TRY(auto sum, ranks.add_up(std::move(share), static_cast<std::uint64_t>(n_resumed)));
  Status written;
  if (sum) {
    options.profile.shard = 0;
    options.profile.n_shard = 1;
    sum->settings = profile_settings(options.profile);
    sum->command_line = stage.command_line;
    written = write_profile(options.output, *sum, session.overwrite());
  }
  const bool is_kept = ranks.agree(written.has_value());
  COE_TRY_STATUS(written);
  if (is_kept) remove_checkpoint(options.partial());
  if (!sum) return kExitDone;
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ProfileRun run;
  run.n_resumed = static_cast<std::int64_t>(ranks.n_resumed());
  run.stats = *std::move(sum);
  COE_TRY_STATUS(emit_profile(run, options, chats, seconds, session));
  return kExitDone;
}

Result<int> profile(ProfileVerbOptions options, Session& session) {
  if (!options.shard.empty()) COE_TRY_STATUS(parse_shard(options.shard, options.profile));
  options.profile.outputs = !options.no_outputs;
  if (options.stability || options.stability_keep > 0 || options.until_stable)
    options.profile.stability = StabilityOptions{options.stability_keep, options.until_stable};
  COE_TRY_STATUS(check_save_text(options, session));
  options.corpus.only_records = options.chats.generate;  // each is a question
  COE_TRY(auto chats, ChatLog::create(options.chats, session.overwrite()));
  chats.attach(options.profile);
  if (session.ranks.size() > 1) return profile_on_ranks(std::move(options), chats, session);
  auto stage = stage_of(options, session);
  COE_TRY_STATUS(check_outputs(options, stage));
  // The profile comes last: where it is, what goes with it is there.
  stage.before_write = [&](const ProfileRun& run) -> Status {
    COE_TRY_STATUS(chats.commit());
    return run.stability ? write_stability(run, options, session) : Status();
  };
  COE_TRY(const auto corpus, load_corpus(options.corpus, options.engine.model, session));
  COE_TRY(const auto model, open_profiled(options, session));
  LazyEngine engine(session.library, options.engine);
  COE_TRY(const auto done,
          profile_stage(engine, model.moe, corpus, options.profile, stage, session.console));
  COE_TRY_STATUS(emit_profile(done.run, options, chats,
                              done.reused ? std::nullopt : std::optional(done.wall_s), session));
  return kExitDone;
}

struct MergeOptions {
  std::vector<Path> profiles;
  Path output;
};

Result<int> merge(const MergeOptions& options, Session& session) {
  COE_TRY(const auto lock, session.claim(options.output));
  COE_TRY(auto stats, read_profile(options.profiles.front()));
  for (std::size_t i = 1; i < options.profiles.size(); ++i) {
    COE_TRY(const auto other, read_profile(options.profiles[i]));
    if (auto status = merge_into(stats, other); !status)
      return tl::unexpected(std::move(status).error().context(options.profiles[i].string()));
  }
  stats.command_line = session.command_line;
  stats.tool_version = tool_version();
  COE_TRY_STATUS(write_profile(options.output, stats, session.overwrite()));
  const MergeOutput output{stats, options.output, options.profiles.size()};
  COE_TRY_STATUS(session.emit(merge_json(output),
                              merge_text(output) + next_step("merge", {.output = options.output})));
  return kExitDone;
}

}  // namespace

void add_profile(CLI::App& app, Run& run) {
  auto options = std::make_shared<ProfileVerbOptions>();
  auto* verb = app.add_subcommand("profile", "Record which experts the routers choose on a corpus");
  add_model_option(*verb, "-m,--model", options->engine.model, "Parent GGUF")->required();
  add_corpus_options(*verb, options->corpus);
  verb->add_option("-o,--output", options->output, "Profile to write (a GGUF file)")->required();
  verb->add_option("--max-tokens", options->profile.max_tokens,
                   "Cut longer records into windows of this many tokens (0: the context)")
      ->check(CLI::Range(0U, 1U << 24) & CLI::Validator(
                                             [](std::string& s) {
                                               return s == "1" ? std::string("must not be 1")
                                                               : std::string();
                                             },
                                             ""))
      ->capture_default_str();
  auto* no_outputs = verb->add_flag(
      "--no-outputs", options->no_outputs,
      "Routing only: cheaper, but no score that needs expert output norms (reap, share, …)");
  verb->add_option("--mask", options->mask,
                   "Profile the model with only the mask's experts; --virtual counts them by the "
                   "parent's ids, --instant by the child's");
  add_masked_as(*verb, options->masked_as);
  add_chat_options(*verb, options->chats);
  verb->add_option("--shard", options->shard, "Only the i-th of n shares of the records, as i/n");
  verb->add_flag("--output-squares", options->profile.squares,
                 "Also sum the squares of expert output norms (score msan)")
      ->excludes(no_outputs);
  verb->add_flag("--coactivation", options->profile.coactivation,
                 "Also count which experts are chosen together (8 bytes x experts² a layer)");
  verb->add_option("--router-temperature", options->profile.router_temperature,
                   "Count router weights as w^(1/T), with the token's sum of weights kept")
      ->capture_default_str();
  verb->add_flag("--stability", options->stability,
                 "Report whether the text is enough: OUTPUT.stability.json and .svg beside the "
                 "profile");
  verb->add_option("--stability-keep", options->stability_keep,
                   "K of the mask that is watched (0: half of the experts); implies --stability")
      ->capture_default_str();
  verb->add_option("--until-stable", options->until_stable,
                   "Stop once the mask's Jaccard index with that of half the text, and its lower "
                   "bound, reach this (0.95 when no number is given); implies --stability")
      ->expected(0, 1)
      ->default_str("0.95");
  verb->add_option("--checkpoint", options->checkpoint_seconds,
                   "Seconds between states kept in OUTPUT.partial (0: none are kept)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verb->add_flag("--resume", options->resume,
                 "Go on from OUTPUT.partial where there is one; the profile is the same, to the "
                 "byte, as that of a run that was never stopped");
  add_engine_options(*verb, options->engine);
  verb->add_option("--contexts", options->profile.n_engine,
                   "Contexts that take turns (0: one on the CPU, two on a GPU)")
      ->check(CLI::Range(0U, 16U));
  verb->add_option("--parallel", options->engine.n_seq,
                   "Samples that share a forward pass (0: one on the CPU, many on a GPU)");
  verb->callback([options, &run] {
    run = [options](Session& session) { return profile(*options, session); };
  });
}

void add_merge(CLI::App& app, Run& run) {
  auto options = std::make_shared<MergeOptions>();
  auto* verb = app.add_subcommand("merge", "Add profiles of the same model");
  verb->add_option("profiles", options->profiles, "Profiles to add")->required();
  verb->add_option("-o,--output", options->output, "Profile to write")->required();
  verb->callback(
      [options, &run] { run = [options](Session& session) { return merge(*options, session); }; });
}

}  // namespace coe::cli
