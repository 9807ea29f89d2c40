// The subcommands of `coe bench`.
#pragma once

#include "coe/cli/session.h"

#include <CLI/CLI.hpp>

namespace coe::cli {

void add_bench_choice(CLI::App& bench, Run& run);
void add_bench_memory(CLI::App& bench, Run& run);
void add_bench_scores(CLI::App& bench, Run& run);
void add_bench_speed(CLI::App& bench, Run& run);
void add_bench_transfer(CLI::App& bench, Run& run);
void add_bench_web(CLI::App& bench, Run& run);

}  // namespace coe::cli
