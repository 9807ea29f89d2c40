// With COE_ENGINE=ON: the engine is llama.cpp.
#include "coe/cli/session.h"
#include "coe/engine_llama/ggml_values.h"
#include "coe/engine_llama/llama_engine.h"

#include <cstdlib>
#include <unistd.h>

namespace coe::cli {

Result<std::unique_ptr<Engine>> open_engine(const EngineOptions& options) {
  return open_llama_engine(options);
}

const gguf::Dequantizer* dequantizer() { return &ggml_values(); }

void prepare_process(char** argv) {
  // llama.cpp's OpenMP threads meet at hundreds of barriers a batch and spin there. Where another
  // process wants the core for a moment, all of them burn time: 203 tokens/s against 2,193 on a
  // busy two-core machine. Waiting passively costs nothing measurable elsewhere. The OpenMP runtime
  // reads its environment before main(), hence the second start.
  if (std::getenv("OMP_WAIT_POLICY") != nullptr || std::getenv("GOMP_SPINCOUNT") != nullptr) return;
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
  ::execv("/proc/self/exe", argv);  // returns only when it fails; then all goes on as it would have
}

void show_engine_log() {
  set_llama_log([](std::string_view line) { print_stderr(fmt::format("engine: {}\n", line)); });
}

std::string engine_version() { return "llama.cpp " COE_LLAMA_VERSION; }

}  // namespace coe::cli
