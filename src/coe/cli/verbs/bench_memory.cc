// coe bench memory: what a parent and its specialists take, predicted and measured.
#include "coe/cli/exit_code.h"
#include "coe/cli/options.h"
#include "coe/cli/render/memory.h"
#include "coe/cli/render/next_step.h"
#include "coe/cli/verbs/bench.h"

#include <memory>

namespace coe::cli {

namespace {

struct BenchMemoryVerbOptions {
  MemoryOptions memory;
  Path model;
  std::vector<Path> children;
  Path rows;
};

Result<int> bench_memory(const BenchMemoryVerbOptions& options, Session& session) {
  if (!options.rows.empty()) COE_TRY_STATUS(check_output(options.rows, session.overwrite()));
  COE_TRY(const auto models,
          run_memory(session.library, parent_first(options.model, options.children), options.memory,
                     session.console));
  auto rows = session.result_rows("bench-memory");
  rows.set_model(models.front().file, models.front().id);
  add_memory_rows(models, rows);
  if (!options.rows.empty()) COE_TRY_STATUS(rows.write(options.rows, session.overwrite()));
  auto doc = rows.document();
  doc["models"] = memory_models_json(models);
  COE_TRY_STATUS(session.emit(doc, memory_text(models, options.memory.measures) +
                                       next_step("bench memory", {.model = models.back().file})));
  return kExitDone;
}

}  // namespace

void add_bench_memory(CLI::App& bench_verb, Run& run) {
  auto options = std::make_shared<BenchMemoryVerbOptions>();
  options->memory.contexts = {16384, 65536};
  serve_defaults(options->memory.engine);
  auto* verb = bench_verb.add_subcommand(
      "memory", "Weights, KV cache and compute buffers on each device, predicted and measured");
  add_model_option(*verb, "-m,--model", options->model, "Parent GGUF")->required();
  add_model_option(*verb, "children", options->children, "Specialists to set beside it");
  verb->add_option("-c,--ctx-size", options->memory.contexts, "Contexts in tokens: 16k,64k")
      ->delimiter(',')
      ->transform(context_length())
      ->check(CLI::Range(16U, 1U << 30))
      ->capture_default_str();
  verb->add_option("--fill", options->memory.n_fill,
                   "Tokens to read before measuring (0: as many as the context holds)")
      ->capture_default_str();
  verb->add_flag("!--predict-only", options->memory.measures, "Load no weights");
  add_rows_option(*verb, options->rows);
  add_device_options(*verb, options->memory.engine);
  verb->callback([options, &run] {
    run = [options](Session& session) { return bench_memory(*options, session); };
  });
}

}  // namespace coe::cli
