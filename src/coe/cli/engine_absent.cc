// With COE_ENGINE=OFF: verbs that run a model say so.
#include "coe/cli/session.h"

namespace coe::cli {

namespace {

auto no_engine() {
  return fail(Code::kEngine, "this build of coe has no inference engine",
              "build with -DCOE_ENGINE=ON to run models");
}

}  // namespace

Result<std::unique_ptr<Engine>> open_engine(const EngineOptions& /*options*/) {
  return no_engine();
}

Result<std::unique_ptr<PlainEngine>> open_plain_engine(const EngineOptions& /*options*/) {
  return no_engine();
}

Result<std::vector<std::vector<DeviceMemory>>> predict_memory(
    const EngineOptions& /*options*/, std::span<const std::uint32_t> /*contexts*/) {
  return no_engine();
}

std::vector<DeviceSpace> device_space() { return {}; }

const gguf::Dequantizer* dequantizer() { return nullptr; }

void prepare_process(char** /*argv*/) {}

void show_engine_log() {}

std::string engine_version() { return "none"; }
std::string engine_revision() { return {}; }

}  // namespace coe::cli
