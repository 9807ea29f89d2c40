// The JSON document of a result.
#pragma once

#include "coe/base/json.h"
#include "coe/base/stats/bootstrap.h"

#include <string_view>

namespace coe::cli {

using Json = nlohmann::ordered_json;

// A document that begins with "schema": "coe.<verb>/1" and the tool's version.
Json document(std::string_view verb);

// {"value", "ci_low", "ci_high"}
Json interval_json(const Interval& interval);

}  // namespace coe::cli
