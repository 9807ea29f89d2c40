// Renders the result of `coe specialize`.
#pragma once

#include "coe/base/file.h"
#include "coe/cli/render/document.h"
#include "coe/specialize/specialize.h"

#include <span>
#include <string>

namespace coe::cli {

struct SpecializeOutput {
  const SpecializeReport& report;
  Path parent;
  Path child;
  Path page = {};  // of the report; empty: none was made
};
Json specialize_json(const SpecializeOutput& output);
std::string specialize_text(const SpecializeOutput& output);

// Says the stages of a run, one a line, before the first work; `page` is the report's, empty where
// there is none.
std::string stages_text(std::span<const PlannedStage> stages, const Path& page);

}  // namespace coe::cli
