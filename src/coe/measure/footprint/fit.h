// The most experts a layer that a device of so much memory has room for.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/engine_library.h"
#include "coe/engine/memory.h"
#include "coe/model/moe/open_model.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace coe {

struct FitOptions {
  EngineOptions engine;  // its .n_gpu_layers is not asked: all layers are on the device
  std::uint32_t n_ctx = 16384;
  std::uint64_t budget = 0;  // bytes
};

// The model with n_keep experts a layer, all of its layers on one device.
struct FitPoint {
  std::uint32_t n_keep = 0;
  DeviceMemory on_device;
  std::uint64_t beside = 0;  // experts that EngineOptions::n_cpu_moe keeps on the host

  bool fits(std::uint64_t budget) const { return on_device.sum() <= budget; }
};

struct Fit {
  std::uint32_t n_ctx = 0;  // no more than the model was trained for
  std::uint64_t budget = 0;
  std::optional<std::uint32_t> n_keep;  // n_expert: nothing need be cut; nullopt: no K fits
  std::vector<FitPoint> points;         // the parent and the neighbours of n_keep, K descending
};

// Asks `predict` of as few counts as a bisection needs, for memory grows with K. `counts` ascend
// and are not empty; the last is the whole model. Returns all that were asked, and n_keep.
// Errors: those of `predict`.
struct FitSearch {
  std::optional<std::uint32_t> n_keep;
  std::vector<FitPoint> points;  // K descending: two on either side of n_keep, and the whole model
};
Result<FitSearch> search_fit(std::span<const std::uint32_t> counts, std::uint64_t budget,
                             const std::function<Result<FitPoint>(std::uint32_t n_keep)>& predict);

// Where the machine has a GPU, the prediction is that of its devices together; where it has none,
// of the CPU's buffers, less the experts that n_cpu_moe keeps on the host. The model's token
// embeddings count only in the second case: beside a GPU they stay on the host. Errors: those of
// predicted_child_memory; kCancelled.
Result<Fit> fit_keep(const EngineLibrary& library, const OpenModel& parent,
                     const FitOptions& options, Observer& observer);

}  // namespace coe
