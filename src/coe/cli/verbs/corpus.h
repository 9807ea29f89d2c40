// The verbs below `coe corpus`.
#pragma once

#include "coe/cli/session.h"

#include <CLI/CLI.hpp>

namespace coe::cli {

void add_corpus_check(CLI::App& corpus, Run& run);
void add_corpus_generate(CLI::App& corpus, Run& run);
void add_corpus_init(CLI::App& corpus, Run& run);

}  // namespace coe::cli
