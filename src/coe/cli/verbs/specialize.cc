// coe specialize: the main job in one command.
#include "coe/specialize/specialize.h"

#include "coe/base/text.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/mask_options.h"
#include "coe/cli/options.h"
#include "coe/cli/render/fit.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/render/specialize.h"
#include "coe/cli/render/taken.h"
#include "coe/cli/verbs/verbs.h"
#include "coe/college/report/page.h"
#include "coe/college/report/report.h"
#include "coe/measure/footprint/fit.h"
#include "coe/model/moe/keep_count.h"
#include "coe/model/moe/open_model.h"

#include <fmt/format.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coe::cli {

namespace {

struct SpecializeVerbOptions {
  CorpusOptions corpus;
  std::vector<Path> evaluation;
  SpecializeOptions job;
  ScoreOptionsText score;
  PassFlags passes;
  std::string keep = "half";
  std::string budget;  // of memory; empty: `keep` says K
  bool no_whitelist = false;
  bool report = true;
  std::string heal;  // the method; empty: the child is only cut
  HealOptions heal_options;
  CorpusOptions questions{{}, "question", {}, true};
};

Status read_score(const ScoreOptionsText& options, SpecializeOptions& job) {
  job.choose_score = options.score == kAutoScore;
  if (!job.choose_score) {
    COE_TRY(job.score, score_from_name(options.score));
  }
  COE_TRY(job.aggregate, read_aggregate(options));
  return {};
}

// K from what is given: a count, a share, or the memory that the specialist is to fit into.
Result<std::uint32_t> read_keep(const SpecializeVerbOptions& options, Session& session) {
  COE_TRY(const auto model, open_model(options.job.engine.model, session.console));
  if (options.budget.empty()) {
    COE_TRY(const auto keep, parse_keep(options.keep));
    return keep_count(keep, grid_of(model.moe));
  }
  FitOptions fit{options.job.engine, options.job.engine.n_ctx, 0};
  serve_defaults(fit.engine);
  COE_TRY(fit.budget, parse_bytes(options.budget));
  COE_TRY(const auto found, fit_keep(session.library, model, fit, session.console));
  session.console.clear();
  if (!session.quiet) print_stderr(fit_text(found, model.moe, session.library.version()));
  if (!found.n_keep)
    return fail(Code::kInvalidArgument, fmt::format("--fit: no K fits into {}", options.budget),
                "give more memory, a shorter context (-c), or keep experts on the host with "
                "--n-cpu-moe");
  if (*found.n_keep == model.moe.n_expert)
    return fail(Code::kInvalidArgument,
                fmt::format("--fit: the whole model fits into {}", options.budget),
                "nothing need be cut; to cut all the same, give -k");
  return *found.n_keep;
}

Path report_file(const Path& child) {
  return child.parent_path() / (child.stem().string() + ".report.html");
}

// A page of an earlier run gives way: it is made of the stages' files, which are held to this run.
Overwrite may_replace(const Path& report, const Session& session) {
  return is_report(report) ? Overwrite::kAllow : session.overwrite();
}

// What comes and what is reused is said before the first work, and on a terminal which stage runs.
// Programs (--json) read that from the document.
StageHooks stage_hooks(const Path& page, Session& session) {
  if (session.json) return {};
  StageHooks hooks;
  auto n_stage = std::make_shared<std::size_t>(0);
  hooks.plan = [&session, page, n_stage](std::span<const PlannedStage> stages) {
    *n_stage = stages.size() + (page.empty() ? 0 : 1);
    auto text = stages_text(stages, page);
    text.pop_back();  // a note is a line
    session.console.note(text);
  };
  hooks.begin = [&session, n_stage](const PlannedStage& stage, std::size_t at) {
    session.console.part(fmt::format("{} of {}", at + 1, *n_stage), stage.name);
  };
  return hooks;
}

Result<int> run_specialize(SpecializeVerbOptions options, Session& session) {
  auto& job = options.job;
  COE_TRY(job.n_keep, read_keep(options, session));
  COE_TRY_STATUS(read_score(options.score, job));
  COE_TRY(job.passes, read_pass_options(options.passes));
  job.own_whitelist = !options.no_whitelist;
  COE_TRY(job.text_spec, TextSpec::parse(options.corpus.text_spec));
  if (!options.corpus.files.empty()) {
    COE_TRY(job.corpus, load_corpus(options.corpus, job.engine.model, session));
  }
  if (!options.evaluation.empty()) {
    COE_TRY(job.evaluation, load_corpus({options.evaluation, options.corpus.text_spec, {}},
                                        job.engine.model, session, "held-out text"));
  }
  if (!options.questions.files.empty()) {
    COE_TRY(job.cot_questions, load_corpus(options.questions, {}, session, "questions"));
  }
  if (!options.heal.empty()) {
    job.heal = options.heal_options;
    job.heal->method = find_heal_method(options.heal).value();  // one of --heal's
  }
  job.overwrite = session.overwrite();
  job.command_line = session.command_line;
  std::optional<ReportMemory> memory;
  const auto page = report_file(job.output);
  if (options.report) {
    COE_TRY_STATUS(check_output(page, may_replace(page, session)));
    auto served = job.engine;
    serve_defaults(served);
    memory = future_memory(session.library, job.engine.model, job.n_keep, served, session.console);
  }
  job.note = [&](std::string_view message) { session.console.note(message); };
  job.stages = stage_hooks(options.report ? page : Path(), session);
  COE_TRY(const auto report, specialize(job, session.library, session.console));
  session.console.part("", "");
  for (const auto& taken : report.taken) session.taken.push_back(taken_json(taken));
  if (options.report) {
    COE_TRY(const auto made,
            specialist_report(job.output, job.engine.model, job.profile, std::move(memory),
                              session.command_line, session.console));
    COE_TRY_STATUS(keep_file(page, report_page(made), may_replace(page, session)));
  }
  const SpecializeOutput output{report, job.engine.model, job.output,
                                options.report ? page : Path()};
  COE_TRY_STATUS(session.emit(
      specialize_json(output),
      specialize_text(output) + "\n" + next_step("specialize", {.output = job.output})));
  return kExitDone;
}

// Passes take text as well as profiles here, and the whitelist needs no list of its own.
void add_passes(CLI::App& verb, SpecializeVerbOptions& options) {
  add_pass_options(verb, options.passes);
  auto* whitelist = verb.get_option("--whitelist");
  for (const auto* name : {"--whitelist-rank", "--whitelist-first", "--whitelist-card"})
    verb.get_option(name)->remove_needs(whitelist);
  for (const auto* name : {"--whitelist", "--cot", "--closure", "--protect"}) {
    auto* option = verb.get_option(name);
    option->description(option->get_description() + "; a profile, or text that is profiled first");
  }
  verb.add_flag("--no-whitelist", options.no_whitelist,
                "Guarantee no place to the leading experts of the domain's own profile");
  verb.add_flag("--t06", options.job.other_temperature,
                "Profile the CoT text at router temperature 0.6, too: keep only swaps that hold "
                "there");
  auto* generate = verb.add_option(
      "--cot-generate", options.questions.files,
      "JSONL questions (field `question`): the parent answers them first, and its thinking is the "
      "CoT text");
  verb.add_option("--cot-question", options.questions.text_spec,
                  "How a record of --cot-generate becomes a question, as --text")
      ->needs(generate)
      ->capture_default_str();
  verb.add_option("--cot-tokens", options.job.cot_ask.max_new_tokens,
                  "At most so many tokens an answer of --cot-generate")
      ->needs(generate)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  for (const auto* name : {"--cot-cap", "--cot-skip", "--cot-domain", "--cot-score"})
    verb.get_option(name)->remove_needs(verb.get_option("--cot"));
}

void add_healing(CLI::App& verb, SpecializeVerbOptions& options) {
  auto* heal = verb.add_option("--heal", options.heal,
                               "Fit what stands beside the experts so that it makes up for those "
                               "that are gone: gain, ridge or adam, as --method of `coe heal`")
                   ->check(CLI::IsMember(kHealMethodNames));
  verb.add_option("--heal-tokens", options.heal_options.n_token,
                  "Tokens to heal on: 60 for each hidden unit of the dense FFN do most")
      ->needs(heal)
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb.add_option("--heal-steps", options.heal_options.n_step, "Steps of each layer (adam)")
      ->needs(heal)
      ->check(CLI::Range(1U, 100000U))
      ->capture_default_str();
}

}  // namespace

void add_specialize(CLI::App& app, Run& run) {
  auto options = std::make_shared<SpecializeVerbOptions>();
  auto* verb =
      app.add_subcommand("specialize", "The main job: profile, mask, prune, verify and evaluate");
  add_model_option(*verb, "-m,--model", options->job.engine.model, "Parent GGUF")->required();
  add_corpus_options(*verb, options->corpus, false);
  verb->add_option("-p,--profile", options->job.profile,
                   "A finished profile of the domain, to try another K or other passes by");
  auto* keep =
      verb->add_option("-k,--keep", options->keep, "Experts to keep in each layer: 64, 50%, half")
          ->capture_default_str();
  add_experts_used(*verb, options->job.n_used);
  verb->add_option("--fit", options->budget,
                   "Keep the most experts that fit into so much memory, 12GB (10^9) or 12GiB "
                   "(2^30), with the context of -c")
      ->excludes(keep);
  verb->add_option("-o,--output", options->job.output,
                   "Child GGUF; profile, mask and evaluation are kept beside it")
      ->required();
  verb->add_option("--name", options->job.name,
                   "Name of the child (default: the parent's, the domain, and how much is kept)");
  verb->add_option("--eval", options->evaluation,
                   "Held-out text, as -f (default: every tenth file, chat or record of that)");
  add_score_options(*verb, options->score);
  auto* score = verb->get_option("--score");
  score->description(score->get_description() +
                     "; auto: of util, reap_sum, share (and recon) the one whose mask does best on "
                     "another tenth of the text");
  verb->add_flag("--recon", options->job.recon,
                 "Score by what removing an expert does to its layer's output (`coe recon`)");
  add_passes(*verb, *options);
  add_healing(*verb, *options);
  verb->add_flag("!--no-chat-check", options->job.chat_check,
                 "Do not ask the specialist eight short questions of its domain, to see whether it "
                 "answers when it is chatted with");
  verb->add_flag("!--no-report", options->report,
                 "Write no NAME.report.html, the page that shows the run");
  verb->add_option("--random", options->job.n_random, "Random masks to compare with")
      ->check(CLI::Range(0U, 100U))
      ->capture_default_str();
  verb->add_option("--max-tokens", options->job.eval.max_tokens,
                   "Cut held-out records to this many tokens (0: the context)")
      ->capture_default_str();
  verb->add_option("--checkpoint", options->job.checkpoint_seconds,
                   "Seconds between states of the profile; an interrupted run goes on from there "
                   "(0: none are kept)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  add_engine_options(*verb, options->job.engine);
  verb->callback([options, &run] {
    run = [options](Session& session) { return run_specialize(*options, session); };
  });
}

}  // namespace coe::cli
