// coe specialize: the main job in one command.
#include "coe/specialize/specialize.h"

#include "coe/base/text.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/mask_options.h"
#include "coe/cli/options.h"
#include "coe/cli/render/eval.h"
#include "coe/cli/render/slice_check.h"
#include "coe/cli/render/table.h"
#include "coe/cli/verbs/verbs.h"

#include <fmt/format.h>

#include <memory>

namespace coe::cli {

namespace {

struct Options {
  CorpusOptions corpus;
  std::vector<Path> evaluation;
  SpecializeOptions job;
  std::string score = "util";
  PassOptions passes;
};

double mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double v : values) sum += v;
  return values.empty() ? 0.0 : sum / static_cast<double>(values.size());
}

std::string change(double value, double from) {
  return fmt::format("{:.2f} ({:+.0f} %)", value, 100.0 * (value / from - 1.0));
}

Json result_json(const DomainResult& row) {
  const auto& s = row.specialist;
  return {{"name", row.name},
          {"own", row.own},
          {"n_record", s.n_record},
          {"n_token", s.n_token},
          {"parent_perplexity", s.reference_perplexity()},
          {"perplexity", s.perplexity()},
          {"kl_mean", s.kl_mean()},
          {"top1_agreement", s.top1_agreement()},
          {"random_perplexity", row.random_perplexity},
          {"random_kl_mean", row.random_kl}};
}

std::string report_text(const SpecializeReport& report, const Options& options) {
  std::string text = fmt::format(
      "\n{}: {} of {} experts kept in each layer\n\n  size   {} → {} ({:.0f} % of the parent)\n",
      options.job.output.string(), report.n_keep, report.n_expert, human_bytes(report.bytes_parent),
      human_bytes(report.bytes_child),
      100.0 * static_cast<double>(report.bytes_child) / static_cast<double>(report.bytes_parent));
  text += fmt::format("  proof  {} experts equal their source byte for byte\n",
                      report.n_expert_checked);
  if (report.slice_check)
    text += fmt::format(
        "         layer by layer on the masked parent's inputs the file computes what that does:\n"
        "         {}\n",
        slice_check_text(*report.slice_check));
  if (report.noise) text += fmt::format("  noise  {}\n", noise_text(*report.noise));
  text += "\n";
  text +=
      "Perplexity on held-out text (lower is better), and how often the specialist's first choice "
      "is the parent's:\n";
  const auto n_random =
      report.domains.empty() ? 0 : report.domains.front().random_perplexity.size();
  std::vector<std::vector<std::string>> rows = {
      {"text", "parent", "specialist", "same first choice"}};
  if (n_random > 0)
    rows.front().push_back(fmt::format("random {} (mean of {})", report.n_keep, n_random));
  for (const auto& row : report.domains) {
    const auto& s = row.specialist;
    const double parent = s.reference_perplexity();
    rows.push_back({row.name + (row.own ? " (its domain)" : ""), fmt::format("{:.2f}", parent),
                    change(s.perplexity(), parent),
                    fmt::format("{:.0f} %", 100 * s.top1_agreement())});
    if (n_random > 0) rows.back().push_back(change(mean(row.random_perplexity), parent));
  }
  return text + format_table(rows);
}

Result<int> run_specialize(Options options, Session& session) {
  auto& job = options.job;
  COE_TRY(job.recipe.score.score, score_from_name(options.score));
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

  auto doc = document("specialize");
  doc["parent"] = job.engine.model.string();
  doc["child"] = job.output.string();
  doc["stages"] = Json::array();
  for (const auto& stage : report.stages)
    doc["stages"].push_back(
        {{"name", stage.name},
         {"file", stage.file.empty() ? Json(nullptr) : Json(stage.file.string())},
         {"reused", stage.reused},
         {"wall_s", stage.wall_s}});
  doc["n_keep"] = report.n_keep;
  doc["n_expert"] = report.n_expert;
  doc["bytes_parent"] = report.bytes_parent;
  doc["bytes_child"] = report.bytes_child;
  doc["coverage"] = report.coverage;
  doc["n_expert_checked"] = report.n_expert_checked;
  doc["slice_check"] = report.slice_check ? slice_check_json(*report.slice_check) : Json(nullptr);
  doc["noise"] = report.noise ? noise_json(*report.noise) : Json(nullptr);
  doc["eval"]["domains"] = Json::array();
  for (const auto& row : report.domains) doc["eval"]["domains"].push_back(result_json(row));
  COE_TRY_STATUS(session.emit(doc, report_text(report, options)));
  return kExitDone;
}

}  // namespace

void add_specialize(CLI::App& app, Run& run) {
  auto options = std::make_shared<Options>();
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
  verb->add_option("--score", options->score, "How experts are scored (see `coe mask --help`)")
      ->capture_default_str();
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
