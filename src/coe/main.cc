// The program: the command line over the engine that it is linked with.
#include "coe/base/descriptor.h"
#include "coe/base/mapping_guard.h"
#include "coe/base/process/crash_guard.h"
#include "coe/cli/console.h"
#include "coe/cli/exit_code.h"
#include "coe/cli/run.h"
#include "coe/college/serve/engine_server.h"
#include "coe/profile/cluster/communicator.h"
#if COE_HAS_ENGINE
#include "coe/engine/llama/llama_library.h"
#else
#include "coe/engine/no_engine.h"
#endif

#include <fmt/format.h>

#include <exception>
#include <new>
#include <string>
#include <vector>

namespace {

const coe::EngineLibrary& linked_library() {
#if COE_HAS_ENGINE
  return coe::llama_library();
#else
  return coe::no_engine_library();
#endif
}

}  // namespace

int main(int argc, char** argv) {
  coe::open_standard_descriptors();
#ifndef COE_SANITIZED  // whose reports say more
  coe::guard_crashes(coe::cli::exit_code(coe::Code::kInternal),
                     coe::cli::exit_code(coe::Code::kEngine));
#endif
  coe::guard_mappings(coe::cli::exit_code(coe::Code::kIo));
  const auto& library = linked_library();
  library.prepare_process(argv);
  if (argc > 1 && argv[1] == coe::kEngineServer)
    return coe::run_engine_server(library, std::vector<std::string>(argv + 2, argv + argc));
  const auto communicator = coe::open_communicator();
  if (!communicator) {
    coe::cli::print_error(communicator.error());
    return coe::cli::exit_code(communicator.error().code);
  }
  try {
    coe::Ranks ranks(**communicator);
    return coe::cli::run_cli(argc, argv, library, ranks);
  } catch (const std::bad_alloc&) {
    coe::cli::print_stderr(
        "error: out of memory\nhint: use a smaller batch (-b) or context (-c)\n");
  } catch (const std::exception& e) {
    coe::cli::print_stderr(fmt::format(
        "error: internal: {}\nhint: this is a bug in coe; please report it\n", e.what()));
  }
  const int code = coe::cli::exit_code(coe::Code::kInternal);
  (*communicator)->abort(code);  // other ranks would wait for this one
  return code;
}
