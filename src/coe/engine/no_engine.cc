#include "coe/engine/no_engine.h"

namespace coe {

namespace {

auto no_engine() {
  return fail(Code::kEngine, "this build of coe has no inference engine",
              "build with -DCOE_ENGINE=ON to run models");
}

class NoEngineLibrary : public EngineLibrary {
 public:
  Result<std::unique_ptr<Engine>> open(const EngineOptions& /*options*/) const override {
    return no_engine();
  }
  Result<std::unique_ptr<PlainEngine>> open_plain(const EngineOptions& /*options*/) const override {
    return no_engine();
  }
  Result<std::vector<std::vector<DeviceMemory>>> predict_memory(
      const EngineOptions& /*options*/,
      std::span<const std::uint32_t> /*contexts*/) const override {
    return no_engine();
  }
  std::vector<DeviceSpace> devices() const override { return {}; }
  const gguf::Dequantizer* dequantizer() const override { return nullptr; }
  const gguf::Quantizer* quantizer() const override { return nullptr; }
  std::string version() const override { return "none"; }
  std::string revision() const override { return {}; }
  Result<int> serve(std::span<const std::string> /*arguments*/) const override {
    return no_engine();
  }
  void prepare_process(char** /*argv*/) const override {}
  void set_log(std::function<void(std::string_view)> /*sink*/) const override {}
};

}  // namespace

const EngineLibrary& no_engine_library() {
  static const NoEngineLibrary library;
  return library;
}

}  // namespace coe
