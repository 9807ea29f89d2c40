// A surgery plan as `coe prune --dry-run` shows it.
#pragma once

#include "coe/child/surgery/plan.h"
#include "coe/cli/render/document.h"

#include <string>

namespace coe::cli {

// All tensors of all files.
Json plan_json(const SurgeryPlan& plan);
// The tensors that change.
std::string plan_table(const SurgeryPlan& plan);

}  // namespace coe::cli
