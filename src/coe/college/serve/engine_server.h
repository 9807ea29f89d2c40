// The engine's own server in a process of its own: how it is called, and what that process does.
#pragma once

#include "coe/base/file.h"
#include "coe/college/serve/college_spec.h"
#include "coe/engine/chat.h"
#include "coe/engine/engine_library.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// The program's first argument that makes it that process. It is no verb: nobody types it.
inline constexpr std::string_view kEngineServer = "engine-server";

// llama-server's arguments for one model on a Unix socket. Clients may ask for other sampling;
// these are what they get who do not.
std::vector<std::string> engine_server_arguments(std::string_view name, const Path& file,
                                                 const Path& socket, const ServingOptions& serving,
                                                 const Sampling& sampling);

// Runs the server until it is asked to end, or standard input closes, which says that whoever
// started it is gone. Settings for llama-server in the environment do not count. Returns the
// process's exit code.
int run_engine_server(const EngineLibrary& library, std::span<const std::string> arguments);

}  // namespace coe
