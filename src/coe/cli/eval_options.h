// How text is cut for measuring: shared by the verbs that do.
#pragma once

#include "coe/cli/session.h"
#include "coe/eval/eval.h"

namespace coe::cli {

// --max-tokens, --window, --stride.
void add_eval_options(CLI::App& verb, EvalOptions& options);

}  // namespace coe::cli
