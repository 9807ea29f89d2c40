#include "coe/engine/llama/llama_library.h"

#include "coe/engine/llama/ggml_values.h"
#include "coe/engine/llama/llama_engine.h"
#include "coe/engine/llama/loading.h"
#include "coe/engine/llama/plain_engine.h"
#include "coe/engine/llama/wait_policy.h"

#include <utility>

// Of libllama-server-impl, which declares it in no header.
int llama_server(int argc, char** argv);

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
  const gguf::Quantizer* quantizer() const override { return &ggml_blocks(); }
  std::string version() const override { return "llama.cpp " COE_LLAMA_VERSION; }
  std::string revision() const override { return COE_LLAMA_REVISION; }
  Result<int> serve(std::span<const std::string> arguments) const override {
    std::vector<std::string> words = {"llama-server"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    pointers.reserve(words.size() + 1);
    for (auto& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    return llama_server(static_cast<int>(words.size()), pointers.data());
  }
  void prepare_process(char** argv) const override { wait_briefly(argv); }
  void set_log(std::function<void(std::string_view)> sink) const override {
    set_llama_log(std::move(sink));
  }
  void watch_loading(Observer* observer) const override { coe::watch_loading(observer); }
};

}  // namespace

const EngineLibrary& llama_library() {
  static const LlamaLibrary library;
  return library;
}

}  // namespace coe
