// Renders what `coe report` says of the page that it wrote.
#pragma once

#include "coe/base/file.h"
#include "coe/cli/render/document.h"

#include <cstddef>
#include <string>

namespace coe::cli {

// `report` is the document that the page holds.
Json report_json(const Json& report, const Path& file, std::size_t n_byte);
std::string report_text(const Json& report, const Path& file, std::size_t n_byte);

}  // namespace coe::cli
