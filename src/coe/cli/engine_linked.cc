// With COE_ENGINE=ON: the engine is llama.cpp.
#include "coe/cli/session.h"
#include "coe/engine_llama/llama_engine.h"

namespace coe::cli {

Result<std::unique_ptr<Engine>> open_engine(const EngineOptions& options) {
  return open_llama_engine(options);
}

void show_engine_log() {
  set_llama_log([](std::string_view line) { fmt::print(stderr, "engine: {}\n", line); });
}

std::string engine_version() { return "llama.cpp " COE_LLAMA_VERSION; }

}  // namespace coe::cli
