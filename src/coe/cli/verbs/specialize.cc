// coe specialize: the main job in one command.
#include "coe/specialize/specialize.h"

#include "coe/cli/exit_code.h"
#include "coe/cli/mask_options.h"
#include "coe/cli/options.h"
#include "coe/cli/render/specialize.h"
#include "coe/cli/verbs/verbs.h"

#include <memory>
#include <string>
#include <vector>

namespace coe::cli {

namespace {

struct SpecializeVerbOptions {
  CorpusOptions corpus;
  std::vector<Path> evaluation;
  SpecializeOptions job;
  ScoreOptionsText score;
  PassOptions passes;
};

Result<int> run_specialize(SpecializeVerbOptions options, Session& session) {
  auto& job = options.job;
  COE_TRY(job.recipe.score.score, score_from_name(options.score.score));
  COE_TRY(job.aggregate, read_aggregate(options.score));
  ProfileFiles files;
  COE_TRY_STATUS(read_passes(options.passes, files, job.recipe));
  job.profiles = files.set();
  COE_TRY(job.corpus, load_corpus(options.corpus));
  if (!options.evaluation.empty()) {
    COE_TRY(job.evaluation, load_corpus({options.evaluation, options.corpus.text_spec, {}}));
  }
  job.overwrite = session.overwrite();
  job.command_line = session.command_line;
  COE_TRY(const auto report, specialize(job, session.library, session.console));
  const SpecializeOutput output{report, job.engine.model, job.output};
  COE_TRY_STATUS(session.emit(specialize_json(output), specialize_text(output)));
  return kExitDone;
}

}  // namespace

void add_specialize(CLI::App& app, Run& run) {
  auto options = std::make_shared<SpecializeVerbOptions>();
  auto* verb =
      app.add_subcommand("specialize", "The main job: profile, mask, prune, verify and evaluate");
  verb->add_option("-m,--model", options->job.engine.model, "Parent GGUF")->required();
  add_corpus_options(*verb, options->corpus);
  verb->add_option("-k,--keep", options->job.recipe.n_keep, "Experts to keep in each layer")
      ->required();
  verb->add_option("-o,--output", options->job.output,
                   "Child GGUF; profile, mask and evaluation are kept beside it")
      ->required();
  verb->add_option("--eval", options->evaluation,
                   "Held-out JSONL text (default: every tenth record of the corpus)");
  add_score_options(*verb, options->score);
  add_pass_options(*verb, options->passes);
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
