// Renders the result of `coe specialize`.
#pragma once

#include "coe/base/file.h"
#include "coe/cli/render/document.h"
#include "coe/specialize/specialize.h"

#include <string>

namespace coe::cli {

struct SpecializeOutput {
  const SpecializeReport& report;
  Path parent;
  Path child;
};
Json specialize_json(const SpecializeOutput& output);
std::string specialize_text(const SpecializeOutput& output);

}  // namespace coe::cli
