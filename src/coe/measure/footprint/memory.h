// The memory that a model takes: predicted from its header, and measured. Both happen in processes
// of their own (base/process/isolated.h): nothing may have opened the engine before.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/engine_library.h"
#include "coe/engine/memory.h"
#include "coe/model/moe/open_model.h"

#include <cstdint>
#include <span>
#include <vector>

namespace coe {

// Reads no weight: says what the engine would allocate, and what opening the model takes beside
// (`other`). Shape: [contexts][devices], the host last. Errors: those of
// EngineLibrary::predict_memory.
Result<std::vector<std::vector<DeviceMemory>>> predicted_memory(
    const EngineLibrary& library, const EngineOptions& options,
    std::span<const std::uint32_t> contexts);

// Says the same of the model cut to n_keep experts a layer. Errors: those of random_mask and
// plan_surgery too.
Result<std::vector<std::vector<DeviceMemory>>> predicted_child_memory(
    const EngineLibrary& library, const OpenModel& parent, std::uint32_t n_keep,
    const EngineOptions& options, std::span<const std::uint32_t> contexts);

struct MeasuredMemory {
  std::uint32_t n_ctx = 0;              // no more than the model was trained for
  std::uint64_t n_fill = 0;             // tokens in the context
  std::vector<DeviceMemory> allocated;  // buffers as the engine counts them; `other` is 0
  // The system counted this while the model ran, above what there was before: on the host, memory
  // of the process that has been touched (pages of files are not its own); elsewhere what the
  // device has less free. Shape: [devices].
  std::vector<std::uint64_t> in_use;
};
// Reads `n_fill` pseudo-random tokens (0: all that fit). Weights are in memory of the process, not
// mapped. Errors: those of EngineLibrary::open_plain and append; kCancelled.
Result<MeasuredMemory> measured_memory(const EngineLibrary& library, EngineOptions options,
                                       std::uint64_t n_fill, Observer& observer);

std::uint64_t sum_of(std::span<const DeviceMemory> devices);

}  // namespace coe
