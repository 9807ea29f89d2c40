// Renders the memory of models: tables, rows, JSON.
#pragma once

#include "coe/cli/render/document.h"
#include "coe/cli/render/result_rows.h"
#include "coe/measure/footprint/memory_run.h"

#include <span>
#include <string>

namespace coe::cli {

// {"device", "is_host", "weights", "kv_cache", "compute", "other", "sum"}, in bytes.
Json memory_json(const DeviceMemory& memory);

void add_memory_rows(std::span<const ModelMemory> models, ResultRows& rows);
// Returns a list of {"file", "n_keep", "contexts"}.
Json memory_models_json(std::span<const ModelMemory> models);
// Shows a table for each model, by context and device, and then one of all devices together against
// the parent, which is the first model.
std::string memory_text(std::span<const ModelMemory> models, bool measures);

}  // namespace coe::cli
