// The library of a build without an engine (COE_ENGINE=OFF): what runs a model says so.
#pragma once

#include "coe/engine/engine_library.h"

namespace coe {

// Stateless; lives as long as the process. All that can fail fails with kEngine.
const EngineLibrary& no_engine_library();

}  // namespace coe
