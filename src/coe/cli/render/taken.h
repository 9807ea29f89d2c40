// What was taken of the text that a command was given, for `--json`.
#pragma once

#include "coe/cli/render/document.h"
#include "coe/corpus/intake/taken.h"

namespace coe::cli {

Json taken_json(const Taken& taken);

}  // namespace coe::cli
