#include "coe/engine/llama/llama_library.h"

#include "coe/engine/llama/ggml_values.h"
#include "coe/engine/llama/llama_engine.h"
#include "coe/engine/llama/plain_engine.h"
#include "coe/engine/llama/wait_policy.h"

#include <utility>

namespace coe {

namespace {

class LlamaLibrary : public EngineLibrary {
 public:
  Result<std::unique_ptr<Engine>> open(const EngineOptions& options) const override {
    return open_llama_engine(options);
  }
  Result<std::unique_ptr<PlainEngine>> open_plain(const EngineOptions& options) const override {
    return open_plain_llama(options);
  }
  Result<std::vector<std::vector<DeviceMemory>>> predict_memory(
      const EngineOptions& options, std::span<const std::uint32_t> contexts) const override {
    return predict_llama_memory(options, contexts);
  }
  std::vector<DeviceSpace> devices() const override { return llama_device_space(); }
  const gguf::Dequantizer* dequantizer() const override { return &ggml_values(); }
  std::string version() const override { return "llama.cpp " COE_LLAMA_VERSION; }
  std::string revision() const override { return COE_LLAMA_REVISION; }
  void prepare_process(char** argv) const override { wait_briefly(argv); }
  void set_log(std::function<void(std::string_view)> sink) const override {
    set_llama_log(std::move(sink));
  }
};

}  // namespace

const EngineLibrary& llama_library() {
  static const LlamaLibrary library;
  return library;
}

}  // namespace coe
