// Renders what `coe inspect` found out about a model and its cuts.
#pragma once

#include "coe/base/file.h"
#include "coe/cli/render/document.h"
#include "coe/measure/footprint/memory_run.h"
#include "coe/measure/footprint/parts.h"
#include "coe/model/moe/open_model.h"

#include <span>
#include <string>
#include <string_view>

namespace coe::cli {

Json inspect_json(const Path& file, const OpenModel& model, const FileParts& parts);
std::string inspect_text(const Path& file, const OpenModel& model, const FileParts& parts);

Json cuts_json(std::span<const CutMemory> cuts);
// The table has a row for each count and device and a column for each context. `engine` says whose
// allocations they are.
std::string cuts_text(std::span<const CutMemory> cuts, std::string_view engine);

}  // namespace coe::cli
