// JSON documents of ours that later runs believe, with a checksum of what they say, so that damage
// that gives another valid document is noticed.
#pragma once

#include "coe/base/json.h"

#include <string>
#include <string_view>

namespace coe {

// The document with one more member, "checksum", and a newline at its end. `indent` −1: one line.
std::string sealed_json(nlohmann::ordered_json document, int indent = -1);

// The document without its checksum. Throws nlohmann::json::exception where `text` is no JSON
// object, or has no checksum or another one than it says.
nlohmann::ordered_json open_sealed_json(std::string_view text);

}  // namespace coe
