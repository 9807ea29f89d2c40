#include "coe/cli/comparison_options.h"

#include "coe/base/stats/bootstrap.h"
#include "coe/cli/eval_options.h"

#include <string>

namespace coe::cli {

void add_comparison_options(CLI::App& verb, ComparisonOptions& job, ComparisonFlags& flags) {
  job.random_seeds = {1, 2, 3};
  verb.add_option("--random-seeds", job.random_seeds,
                  "Random masks of each K to beat, one for each seed")
      ->delimiter(',')
      ->capture_default_str();
  verb.add_flag("--no-random", flags.no_random, "No random masks");
  verb.add_option("--max-records", job.max_records,
                  "Of each sub-domain's held-out text take only so many records (0: all)")
      ->capture_default_str();
  add_eval_options(verb, job.eval);
}

Status read_comparison(const ComparisonFlags& flags, ComparisonOptions& job, Session& session) {
  if (flags.no_random) job.random_seeds.clear();
  COE_TRY(job.evaluation, load_corpus({flags.evaluation, flags.corpus.text_spec, {}},
                                      job.engine.model, session, "held-out text"));
  if (flags.has_corpus()) {
    COE_TRY(job.corpus, load_corpus(flags.corpus, job.engine.model, session));
  }
  job.overwrite = session.overwrite();
  job.command_line = session.command_line;
  return {};
}

ResultRows comparison_rows(std::string_view kind, const ComparisonOptions& job,
                           const ModelId& model, const std::string& engine,
                           const Session& session) {
  auto rows = session.result_rows(kind);
  rows.set_model(job.engine.model, model);
  if (!engine.empty()) rows.set_engine(engine);
  rows.set_seed(BootstrapOptions().seed);
  return rows;
}

}  // namespace coe::cli
