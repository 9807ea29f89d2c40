// The verbs of the command line.
#pragma once

#include "coe/cli/session.h"

#include <CLI/CLI.hpp>

namespace coe::cli {

// A verb adds its subcommand; when the user names it, `run` is set. Options live in a shared_ptr
// because CLI11 keeps pointers to them while `run` outlives the parser's callbacks.
void add_models(CLI::App& app, Run& run);
void add_inspect(CLI::App& app, Run& run);
void add_corpus(CLI::App& app, Run& run);
void add_profile(CLI::App& app, Run& run);
void add_merge(CLI::App& app, Run& run);
void add_recon(CLI::App& app, Run& run);
void add_mask(CLI::App& app, Run& run);
void add_compare(CLI::App& app, Run& run);
void add_prune(CLI::App& app, Run& run);
void add_heal(CLI::App& app, Run& run);
void add_verify(CLI::App& app, Run& run);
void add_package(CLI::App& app, Run& run);
void add_report(CLI::App& app, Run& run);
void add_eval(CLI::App& app, Run& run);
void add_bench(CLI::App& app, Run& run);
void add_dispatcher(CLI::App& app, Run& run);
void add_chat(CLI::App& app, Run& run);
void add_serve(CLI::App& app, Run& run);
void add_specialize(CLI::App& app, Run& run);
void add_doctor(CLI::App& app, Run& run);
void add_help(CLI::App& app, Run& run);
void add_completion(CLI::App& app, Run& run);
void add_reference(CLI::App& app, Run& run);

}  // namespace coe::cli
