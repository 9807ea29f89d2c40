// llama.cpp as it is, and what memory it takes.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/engine.h"
#include "coe/engine/memory.h"
#include "coe/engine/plain_engine.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace coe {

// As for open_llama_engine, the file must have been read by moe/ or gguf/ first. n_candidate does
// not apply.
Result<std::unique_ptr<PlainEngine>> open_plain_llama(const EngineOptions& options);

// Says what the buffers of a model would take with contexts of so many tokens (each capped at what
// the model was trained for), without loading a weight: the file may be one that holds a header and
// nothing behind it. `other` is the work space of the CPU's operations, where all run there. Shape:
// [contexts][devices], the host last. Errors: kEngine.
Result<std::vector<std::vector<DeviceMemory>>> predict_llama_memory(
    const EngineOptions& options, std::span<const std::uint32_t> contexts);

// Devices that layers can be put on; none on a machine without.
std::vector<DeviceSpace> llama_device_space();

}  // namespace coe
