// What a profile says of experts, as a report's pictures need it.
#pragma once

#include "coe/base/result.h"
#include "coe/college/report/run_facts.h"

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

namespace coe {

// `run` has at least one profile. Keys: docs/formats/report.md, `profile`. `missing` gets what
// could not be worked out. Errors: those of compute_score.
Result<nlohmann::ordered_json> profile_json(const RunFacts& run, std::vector<std::string>& missing);

}  // namespace coe
