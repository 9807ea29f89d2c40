// Verbs that measure text cut it in the same way, by these options.
#pragma once

#include "coe/cli/session.h"
#include "coe/measure/eval/eval.h"

#include <CLI/CLI.hpp>

namespace coe::cli {

// --max-tokens, --window, --stride.
void add_eval_options(CLI::App& verb, EvalOptions& options);

}  // namespace coe::cli
