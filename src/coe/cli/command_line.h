// The one tree of verbs and options: what is parsed, and what help, man pages and completions say.
#pragma once

#include "coe/cli/session.h"

#include <CLI/CLI.hpp>

#include <memory>
#include <string>

namespace coe::cli {

// Parsing sets `run` and the flags of `session`, which both outlive it.
std::unique_ptr<CLI::App> command_line(Session& session, Run& run);

// An argument as the tree knows it. llama.cpp's users type -ngl, and CLI11 knows one-letter and
// long names only.
std::string long_name(const std::string& argument);

}  // namespace coe::cli
