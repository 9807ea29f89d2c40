// Renders the speed of models: a table, rows, JSON.
#pragma once

#include "coe/cli/render/document.h"
#include "coe/cli/render/result_rows.h"
#include "coe/measure/footprint/speed.h"

#include <span>
#include <string>

namespace coe::cli {

// Models are the parent and its specialists; the rows of several also have ratios to the parent.
void add_speed_rows(std::span<const ModelSpeed> models, const SpeedOptions& options,
                    ResultRows& rows);
// Lists the seconds of each model's rounds.
Json speed_rounds_json(std::span<const ModelSpeed> models);
std::string speed_text(std::span<const ModelSpeed> models, const SpeedOptions& options);

}  // namespace coe::cli
