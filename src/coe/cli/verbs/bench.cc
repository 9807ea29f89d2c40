// coe bench: measurements of models, each a subcommand in a file of its own.
#include "coe/cli/verbs/bench.h"

#include "coe/cli/verbs/verbs.h"

namespace coe::cli {

void add_bench(CLI::App& app, Run& run) {
  auto* bench = app.add_subcommand("bench", "Measure what specialists keep and cost");
  bench->require_subcommand(1);
  add_bench_choice(*bench, run);
  add_bench_transfer(*bench, run);
  add_bench_scores(*bench, run);
  add_bench_memory(*bench, run);
  add_bench_speed(*bench, run);
  add_bench_web(*bench, run);
}

}  // namespace coe::cli
