// The command line: parses arguments, runs one verb, and turns its result into an exit code.
#pragma once

#include "coe/engine/engine_library.h"
#include "coe/profile/cluster/ranks.h"

namespace coe::cli {

// Verbs run models with `library`. Errors are told on stderr, and with --json on stdout, too.
int run_cli(int argc, char** argv, const EngineLibrary& library, Ranks& ranks);

}  // namespace coe::cli
