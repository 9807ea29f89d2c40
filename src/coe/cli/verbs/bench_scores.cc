// coe bench scores: which score chooses the best experts, from one command.
#include "coe/base/run_files.h"
#include "coe/cli/comparison_options.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/render/scores.h"
#include "coe/cli/verbs/bench.h"
#include "coe/measure/tune/sweep.h"
#include "coe/model/moe/expert_grid.h"
#include "coe/model/moe/open_model.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace coe::cli {

namespace {

struct BenchScoresVerbOptions {
  ScoresOptions job;
  ComparisonFlags texts;
  std::string counts = "25%,50%,75%";
  std::vector<std::string> scores;
  std::string heal;  // the method; empty: none
  bool no_recon = false;
};

Result<ScoresOptions> scores_job_of(BenchScoresVerbOptions options, Session& session) {
  auto& job = options.job;
  const bool has_corpus = options.texts.has_corpus();
  if (has_corpus != job.profiles.empty())
    return fail(Code::kInvalidArgument,
                has_corpus ? "-p and -f are both given" : "no domains are given",
                "give text to profile (-f), or profiles (-p)");
  COE_TRY(const auto model, open_model(job.engine.model, session.console));
  COE_TRY(job.counts, parse_counts(options.counts, grid_of(model.moe)));
  for (const auto& name : options.scores) {
    COE_TRY(job.scores.emplace_back(), score_from_name(name));
  }
  if (options.no_recon || !has_corpus) job.n_recon_token = 0;
  if (!options.heal.empty()) {
    auto& healing = job.heal.emplace();
    healing.method = find_heal_method(options.heal).value();  // one of --heal's
    job.engine.n_batch = std::max(job.engine.n_batch, healing.record_tokens);
  }
  COE_TRY_STATUS(read_comparison(options.texts, job, session));
  return std::move(job);
}

Result<int> bench_scores(const BenchScoresVerbOptions& options, Session& session) {
  COE_TRY(const auto job, scores_job_of(options, session));
  COE_TRY(const auto report, run_scores(job, session.library, session.console));
  auto rows = comparison_rows("bench-scores", job, report.model, report.engine, session);
  add_scores_rows(report, rows);
  COE_TRY_STATUS(rows.write(job.folder / run_files::kRows, session.overwrite()));
  auto doc = rows.document();
  doc["folder"] = job.folder.string();
  doc["corpus_digest"] = report.corpus_digest;
  doc["recon_tokens"] = job.n_recon_token;
  doc["heal"] = options.heal.empty() ? Json(nullptr) : Json(options.heal);
  doc["max_tokens"] = job.eval.max_tokens;
  doc["left_out"] = report.left_out;
  const auto& best = best_row(report);
  const Finished done{.model = job.engine.model,
                      .text = options.texts.corpus.files,
                      .score = best.score == kRandomRow ? std::string() : best.score,
                      .heal = best.heal};
  COE_TRY_STATUS(
      session.emit(doc, scores_text(report, job.folder) + next_step("bench scores", done)));
  return kExitDone;
}

}  // namespace

void add_bench_scores(CLI::App& bench_verb, Run& run) {
  auto options = std::make_shared<BenchScoresVerbOptions>();
  auto& job = options->job;
  auto* verb = bench_verb.add_subcommand(
      "scores", "Which score chooses the best experts: each one's specialists side by side");
  add_model_option(*verb, "-m,--model", job.engine.model, "Parent GGUF")->required();
  verb->add_option("-p,--profile", job.profiles,
                   "Routing profiles of the parent: a domain for each of their sub-domains");
  add_corpus_options(*verb, options->texts.corpus, false);
  verb->add_option("--eval", options->texts.evaluation,
                   "Held-out text of the same domains, as -f (repeatable)")
      ->required();
  verb->add_option("-k,--keep", options->counts,
                   "Experts to keep in each layer: 32,48,64, half,25%")
      ->capture_default_str();
  verb->add_option("--scores", options->scores,
                   "Only these scores, the first as the baseline (see `coe mask --help`; default: "
                   "all)")
      ->delimiter(',');
  verb->add_option("--recon-tokens", job.n_recon_token,
                   "Tokens of each domain that `recon` looks at")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  verb->add_flag("--no-recon", options->no_recon, "Leave `recon` out");
  verb->add_option("--heal", options->heal,
                   "And heal what `recon` chooses, by this method (see `coe heal --help`)")
      ->check(CLI::IsMember(kHealMethodNames));
  add_comparison_options(*verb, job, options->texts);
  verb->add_option("-o,--output", job.folder,
                   "Folder for rows, masks, and what has been measured so far: the same command "
                   "goes on from there")
      ->required();
  add_engine_options(*verb, job.engine);
  verb->callback([options, &run] {
    run = [options](Session& session) { return bench_scores(*options, session); };
  });
}

}  // namespace coe::cli
