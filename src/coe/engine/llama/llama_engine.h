// The llama.cpp implementation of Engine. Its compute graph is observed through the scheduler's
// evaluation callback; nothing of llama.cpp is patched.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/engine.h"

#include <functional>
#include <memory>
#include <string_view>

namespace coe {

// Loads a model. One forward pass of two tokens finds out what the graph offers (see graph_plan.h).
// The file must have been read by moe/ or gguf/ first: llama.cpp aborts the process on some
// malformed headers. Errors: kEngine, with llama.cpp's last error line; kUnsupported for graphs
// that hide their routing.
Result<std::unique_ptr<Engine>> open_llama_engine(const EngineOptions& options);

// Receives llama.cpp's log, line by line; by default it is dropped.
void set_llama_log(std::function<void(std::string_view)> sink);

}  // namespace coe
