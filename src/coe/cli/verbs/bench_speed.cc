// coe bench speed: prefill and decode of a parent and its specialists, turn by turn.
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/render/speed.h"
#include "coe/cli/verbs/bench.h"

#include <memory>

namespace coe::cli {

namespace {

struct BenchSpeedVerbOptions {
  SpeedOptions speed;
  Path model;
  std::vector<Path> children;
  CorpusOptions corpus;
  Path rows;
};

Result<int> bench_speed(const BenchSpeedVerbOptions& options, Session& session) {
  if (!options.rows.empty()) COE_TRY_STATUS(check_output(options.rows, session.overwrite()));
  const bool has_text = !options.corpus.files.empty();
  Corpus text;
  if (has_text) {
    COE_TRY(text, load_corpus(options.corpus, options.model, session));
  }
  COE_TRY(const auto models,
          run_speed(session.library, parent_first(options.model, options.children), text,
                    options.speed, session.console));
  const auto& parent = models.front();
  auto rows = session.result_rows("bench-speed");
  rows.set_model(parent.file, parent.id);
  rows.set_engine(parent.engine);
  if (!has_text) rows.set_seed(1);
  add_speed_rows(models, options.speed, rows);
  if (!options.rows.empty()) COE_TRY_STATUS(rows.write(options.rows, session.overwrite()));
  auto doc = rows.document();
  doc["text"] = has_text ? "of the files given" : "pseudo-random tokens";
  doc["rounds"] = speed_rounds_json(models);
  COE_TRY_STATUS(session.emit(doc, speed_text(models, options.speed) +
                                       next_step("bench speed", {.model = models.back().file})));
  return kExitDone;
}

}  // namespace

void add_bench_speed(CLI::App& bench_verb, Run& run) {
  auto options = std::make_shared<BenchSpeedVerbOptions>();
  auto& speed = options->speed;
  serve_defaults(speed.engine);
  auto* verb = bench_verb.add_subcommand(
      "speed", "Prefill and decode tokens/s, parent against specialists, in turns");
  add_model_option(*verb, "-m,--model", options->model, "Parent GGUF")->required();
  add_model_option(*verb, "children", options->children, "Specialists to set beside it");
  add_corpus_options(*verb, options->corpus, false);
  verb->add_option("--n-prompt", speed.n_prompt, "Tokens of the prompt")
      ->check(CLI::Range(1U, 1U << 24))
      ->capture_default_str();
  verb->add_option("--n-generate", speed.n_generate, "Tokens to generate")
      ->check(CLI::Range(1U, 1U << 24))
      ->capture_default_str();
  verb->add_option("--n-depth", speed.n_depth, "Tokens in the context before the prompt")
      ->check(CLI::Range(0U, 1U << 24))
      ->capture_default_str();
  verb->add_option("--rounds", speed.n_round, "Turns of each model, after one to warm up")
      ->check(CLI::Range(1U, 10000U))
      ->capture_default_str();
  verb->add_flag("--one-at-a-time", speed.one_at_a_time,
                 "Keep no more than one model in memory: each turn loads its own");
  add_rows_option(*verb, options->rows);
  add_device_options(*verb, speed.engine);
  verb->callback([options, &run] {
    run = [options](Session& session) { return bench_speed(*options, session); };
  });
}

}  // namespace coe::cli
