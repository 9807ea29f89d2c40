// With COE_ENGINE=OFF: verbs that run a model say so.
#include "coe/cli/session.h"

namespace coe::cli {

Result<std::unique_ptr<Engine>> open_engine(const EngineOptions& /*options*/) {
  return fail(Code::kEngine, "this build of coe has no inference engine",
              "build with -DCOE_ENGINE=ON to run models");
}

const gguf::Dequantizer* dequantizer() { return nullptr; }

void prepare_process(char** /*argv*/) {}

void show_engine_log() {}

std::string engine_version() { return "none"; }

}  // namespace coe::cli
