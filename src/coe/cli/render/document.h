// The JSON document of a result.
#pragma once

#include "coe/base/json.h"

#include <string_view>

namespace coe::cli {

using Json = nlohmann::ordered_json;

// A document that begins with "schema": "coe.<verb>/1" and the tool's version.
Json document(std::string_view verb);

}  // namespace coe::cli
