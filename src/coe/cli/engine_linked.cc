// With COE_ENGINE=ON: the engine is llama.cpp.
#include "coe/cli/session.h"
#include "coe/engine_llama/ggml_values.h"
#include "coe/engine_llama/llama_engine.h"
#include "coe/engine_llama/plain_engine.h"
#include "coe/engine_llama/wait_policy.h"

namespace coe::cli {

Result<std::unique_ptr<Engine>> open_engine(const EngineOptions& options) {
  return open_llama_engine(options);
}

Result<std::unique_ptr<PlainEngine>> open_plain_engine(const EngineOptions& options) {
  return open_plain_llama(options);
}

Result<std::vector<std::vector<DeviceMemory>>> predict_memory(
    const EngineOptions& options, std::span<const std::uint32_t> contexts) {
  return predict_llama_memory(options, contexts);
}

std::vector<DeviceSpace> device_space() { return llama_device_space(); }

const gguf::Dequantizer* dequantizer() { return &ggml_values(); }

void prepare_process(char** argv) { wait_briefly(argv); }

void show_engine_log() {
  set_llama_log([](std::string_view line) { print_stderr(fmt::format("engine: {}\n", line)); });
}

std::string engine_version() { return "llama.cpp " COE_LLAMA_VERSION; }
std::string engine_revision() { return COE_LLAMA_REVISION; }

}  // namespace coe::cli
