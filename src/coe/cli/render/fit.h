// Renders how many experts fit into a device's memory.
#pragma once

#include "coe/cli/render/document.h"
#include "coe/measure/footprint/fit.h"
#include "coe/model/moe/model.h"

#include <span>
#include <string>
#include <string_view>

namespace coe::cli {

// Returns a list of {"budget", "n_ctx", "n_keep", "points"}.
Json fits_json(std::span<const Fit> fits);
// Says the answer, and the table of its neighbours. `engine` says whose allocations they are.
std::string fit_text(const Fit& fit, const MoeModel& model, std::string_view engine);

}  // namespace coe::cli
