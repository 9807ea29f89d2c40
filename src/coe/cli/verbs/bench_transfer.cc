// coe bench transfer: what each specialist keeps of each sub-domain, from one command.
#include "coe/base/run_files.h"
#include "coe/cli/comparison_options.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/render/transfer.h"
#include "coe/cli/verbs/bench.h"
#include "coe/measure/tune/sweep.h"
#include "coe/model/moe/expert_grid.h"
#include "coe/model/moe/open_model.h"

#include <memory>

namespace coe::cli {

namespace {

struct BenchTransferVerbOptions {
  TransferOptions job;
  ComparisonFlags texts;
  std::string counts;
  std::string score = "util";
  std::vector<std::string> masks;  // NAME=FILE

  bool has_profile() const { return !job.profiles.empty(); }
  bool has_corpus() const { return texts.has_corpus(); }
};

Status check_options(const BenchTransferVerbOptions& options) {
  if (options.has_profile() && options.has_corpus())
    return fail(Code::kInvalidArgument, "-p and -f are both given",
                "give profiles, or text to profile");
  if (!options.has_profile() && !options.has_corpus() && options.masks.empty())
    return fail(Code::kInvalidArgument, "no specialists are given",
                "give profiles (-p), text to profile (-f) or masks (--masks NAME=FILE)");
  if ((options.has_profile() || options.has_corpus()) == options.counts.empty())
    return fail(Code::kInvalidArgument,
                options.counts.empty() ? "-k: how many experts to keep is not given"
                                       : "-k: ready masks have their own number of experts",
                options.counts.empty() ? "for example -k 64,32,96" : "leave -k out");
  return {};
}

Result<TransferOptions> job_of(BenchTransferVerbOptions options, Session& session) {
  COE_TRY_STATUS(check_options(options));
  auto& job = options.job;
  if (!options.counts.empty()) {
    COE_TRY(const auto model, open_model(job.engine.model, session.console));
    COE_TRY(job.counts, parse_counts(options.counts, grid_of(model.moe)));
  }
  COE_TRY(job.score, score_from_name(options.score));
  for (const auto& text : options.masks) {
    COE_TRY(job.masks.emplace_back(), parse_ready_mask(text));
  }
  COE_TRY_STATUS(read_comparison(options.texts, job, session));
  return std::move(job);
}

Result<int> bench_transfer(const BenchTransferVerbOptions& options, Session& session) {
  COE_TRY(const auto job, job_of(options, session));
  COE_TRY(const auto report, run_transfer(job, session.library, session.console));
  auto rows = comparison_rows("bench-transfer", job, report.model, report.engine, session);
  add_transfer_rows(report, rows);
  COE_TRY_STATUS(rows.write(job.folder / run_files::kRows, session.overwrite()));
  auto doc = rows.document();
  doc["folder"] = job.folder.string();
  doc["corpus_digest"] = report.corpus_digest;
  doc["score"] =
      options.has_profile() || options.has_corpus() ? Json(options.score) : Json(nullptr);
  doc["max_tokens"] = job.eval.max_tokens;
  doc["window"] = job.eval.window;
  doc["stride"] = job.eval.stride;
  doc["masks"] = transfer_masks_json(report);
  doc["order"] = transfer_order_json(report);
  COE_TRY_STATUS(session.emit(
      doc, transfer_text(report, job.folder) +
               next_step("bench transfer",
                         {.model = job.engine.model, .text = options.texts.corpus.files})));
  return kExitDone;
}

}  // namespace

void add_bench_transfer(CLI::App& bench_verb, Run& run) {
  auto options = std::make_shared<BenchTransferVerbOptions>();
  auto& job = options->job;
  auto* verb = bench_verb.add_subcommand(
      "transfer", "Matrix of specialists and sub-domains: what each keeps of the others' text");
  add_model_option(*verb, "-m,--model", job.engine.model, "Parent GGUF")->required();
  verb->add_option("-p,--profile", job.profiles,
                   "Routing profiles of the parent: a specialist for each of their sub-domains");
  add_corpus_options(*verb, options->texts.corpus, false);
  verb->add_option("--eval", options->texts.evaluation, "Held-out text, as -f (repeatable)")
      ->required();
  verb->add_option("-k,--keep", options->counts,
                   "Experts to keep in each layer: 64,32,96, half,25%");
  verb->add_option("--score", options->score, "How experts are scored (see `coe mask --help`)")
      ->capture_default_str();
  verb->add_option("--masks", options->masks,
                   "Ready masks, each with the sub-domain that it is for: NAME=FILE");
  add_comparison_options(*verb, job, options->texts);
  verb->add_option("-o,--output", job.folder,
                   "Folder for rows, pictures, masks, and what has been measured so far: the same "
                   "command goes on from there")
      ->required();
  add_engine_options(*verb, job.engine);
  verb->callback([options, &run] {
    run = [options](Session& session) { return bench_transfer(*options, session); };
  });
}

}  // namespace coe::cli
