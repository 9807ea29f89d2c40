// Predicts and measures the memory of several models at several contexts.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/engine_library.h"
#include "coe/measure/footprint/memory.h"
#include "coe/model/moe/open_model.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace coe {

struct MemoryOptions {
  EngineOptions engine;  // .model and .n_ctx are set here
  std::vector<std::uint32_t> contexts;
  std::uint64_t n_fill = 0;  // tokens to read before measuring; 0: as many as fit
  bool measures = true;      // false: no weight is loaded
};

// A model at one context.
struct MemoryCell {
  std::uint32_t n_ctx = 0;
  std::vector<DeviceMemory> predicted;
  std::optional<MeasuredMemory> measured;

  // Adds up all devices. The cell must have been measured.
  std::uint64_t in_use() const;
  // Says how far that is above what was predicted, as a share of the prediction.
  double error() const;
};

struct ModelMemory {
  Path file;
  ModelId id;
  std::uint32_t n_keep = 0;
  std::vector<MemoryCell> cells;  // [contexts]
};

// Keeps the order of `files`. All are described before the first is measured: a wrong one costs no
// time. Contexts beyond what a model was trained for are capped, with a warning. Errors: those of
// open_model, predicted_memory and measured_memory.
Result<std::vector<ModelMemory>> run_memory(const EngineLibrary& library,
                                            std::span<const Path> files,
                                            const MemoryOptions& options, Observer& observer);

// A model, or a cut of it, at one context.
struct CutMemory {
  std::uint32_t n_keep = 0;
  std::uint32_t n_ctx = 0;
  std::vector<DeviceMemory> devices;
};

// Predicts the parent itself, then its cuts with these counts (none given: suggested_counts), each
// at all contexts in turn. Contexts are capped at what it was trained for. Errors: those of
// predicted_child_memory; kCancelled.
Result<std::vector<CutMemory>> predict_cuts(const EngineLibrary& library, const OpenModel& parent,
                                            const EngineOptions& options,
                                            std::vector<std::uint32_t> counts,
                                            std::vector<std::uint32_t> contexts,
                                            Observer& observer);

}  // namespace coe
