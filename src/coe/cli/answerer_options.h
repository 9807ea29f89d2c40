// Flags of verbs that ask a model questions.
#pragma once

#include "coe/ask/ask.h"
#include "coe/ask/open_answerer.h"
#include "coe/cli/session.h"

#include <CLI/CLI.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe::cli {

// -m, --mask and the engine's options; --endpoint, --model, --api and what belongs to them.
void add_answerer_options(CLI::App& verb, AnswererOptions& options);

// --think, --max-new-tokens, the sampling options, --no-loop-guard, --retry-failed and -j.
void add_ask_options(CLI::App& verb, AskOptions& options);

// Adds --system. `help` says what else it takes.
void add_system_option(CLI::App& verb, std::vector<std::string>& systems, std::string_view help);
// Returns the text, or the content of the file of that name. Errors: those of read_text.
Result<std::string> system_text(const std::string& text_or_file);

// Returns a line that says how to ask those again that got no answer; empty where there are none.
std::string retry_words(std::uint64_t n_failed);

// Says on a line of stderr which settings a server is sent in place of its own.
void say_what_is_sent(const AskOptions& ask, const AnswererOptions& answerer, Session& session);
// Returns {"temperature", …, "thinking", "max_new_tokens", "system"}.
Json sampling_json(const AskOptions& ask);

}  // namespace coe::cli
