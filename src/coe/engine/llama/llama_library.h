// llama.cpp behind EngineLibrary.
#pragma once

#include "coe/engine/engine_library.h"

namespace coe {

// Stateless; lives as long as the process.
const EngineLibrary& llama_library();

}  // namespace coe
