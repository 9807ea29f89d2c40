// The verbs below `coe corpus`.
#pragma once

#include "coe/cli/session.h"

namespace coe::cli {

void add_corpus_check(CLI::App& corpus, Run& run);
void add_corpus_generate(CLI::App& corpus, Run& run);

}  // namespace coe::cli
