// Flags of verbs that ask a model questions.
#pragma once

#include "coe/ask/ask.h"
#include "coe/ask/open_answerer.h"

#include <CLI/CLI.hpp>

namespace coe::cli {

// -m, --mask and the engine's options; --endpoint, --model, --api and what belongs to them.
void add_answerer_options(CLI::App& verb, AnswererOptions& options);

// --think, --max-new-tokens, the sampling options, --no-loop-guard, --retry-failed and -j.
void add_ask_options(CLI::App& verb, AskOptions& options);

}  // namespace coe::cli
