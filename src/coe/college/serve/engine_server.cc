#include "coe/college/serve/engine_server.h"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <unistd.h>

namespace coe {

namespace {

constexpr std::chrono::seconds kTimeToEnd{5};

// Waits for the end of standard input, to which nobody writes.
void end_with_parent() {
  char byte = 0;
  while (true) {
    const auto n = ::read(STDIN_FILENO, &byte, 1);
    if (n > 0 || (n < 0 && errno == EINTR)) continue;
    break;
  }
  ::kill(::getpid(), SIGTERM);
  std::this_thread::sleep_for(kTimeToEnd);
  ::_exit(EXIT_FAILURE);
}

// What people set for a llama-server of theirs would change ours.
void clear_server_settings() {
  std::vector<std::string> names;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    if (text.starts_with("LLAMA_ARG_") || text.starts_with("LLAMA_API_KEY="))
      names.emplace_back(text.substr(0, text.find('=')));
  }
  for (const auto& name : names) ::unsetenv(name.c_str());
}

}  // namespace

std::vector<std::string> engine_server_arguments(std::string_view name, const Path& file,
                                                 const Path& socket, const ServingOptions& serving,
                                                 const Sampling& sampling) {
  std::vector<std::string> out = {"--model",         file.string(), "--alias",
                                  std::string(name), "--host",      socket.string()};
  const auto add = [&](const char* option, const std::string& value) {
    out.emplace_back(option);
    out.push_back(value);
  };
  add("--ctx-size", fmt::format("{}", serving.n_ctx));
  add("--n-predict", fmt::format("{}", serving.max_new_tokens));
  add("--parallel", fmt::format("{}", serving.n_parallel));
  out.emplace_back("--kv-unified");  // requests share the context
  if (serving.n_threads > 0) add("--threads", fmt::format("{}", serving.n_threads));
  if (serving.n_gpu_layers >= 0) add("--n-gpu-layers", fmt::format("{}", serving.n_gpu_layers));
  add("--reasoning", serving.think ? "auto" : "off");
  add("--temp", fmt::format("{:g}", sampling.temperature));
  add("--top-k", fmt::format("{}", sampling.top_k));
  add("--top-p", fmt::format("{:g}", sampling.top_p));
  add("--min-p", "0");  // the server's own is 0.05
  add("--repeat-penalty", fmt::format("{:g}", sampling.repeat_penalty));
  add("--repeat-last-n", fmt::format("{}", sampling.repeat_last_n));
  for (const char* flag : {"--no-ui", "--no-slots", "--offline"}) out.emplace_back(flag);
  return out;
}

int run_engine_server(const EngineLibrary& library, std::span<const std::string> arguments) {
  clear_server_settings();
  std::thread(end_with_parent).detach();
  const auto code = library.serve(arguments);
  if (code) return *code;
  std::fputs(fmt::format("error: {}\n", code.error().message).c_str(), stderr);
  return EXIT_FAILURE;
}

}  // namespace coe
