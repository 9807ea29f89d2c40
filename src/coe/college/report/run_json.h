// One run in a report's document.
#pragma once

#include "coe/base/result.h"
#include "coe/college/report/run_facts.h"

#include <nlohmann/json_fwd.hpp>

namespace coe {

// Keys: docs/formats/report.md, `runs`. Errors: those of profile_json.
Result<nlohmann::ordered_json> run_json(const RunFacts& run);

}  // namespace coe
