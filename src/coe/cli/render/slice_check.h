// Renders what a slice check found, as JSON and in words.
#pragma once

#include "coe/cli/render/document.h"
#include "coe/measure/eval/slice_check.h"

#include <string>

namespace coe::cli {

Json slice_check_json(const SliceCheck& check);
// One clause, without a full stop: "router scores within 0.1 % …".
std::string slice_check_text(const SliceCheck& check);

}  // namespace coe::cli
