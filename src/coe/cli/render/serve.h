// Renders what `coe serve` says once it listens.
#pragma once

#include "coe/cli/render/document.h"
#include "coe/college/serve/serve.h"

#include <string>

namespace coe::cli {

Json serve_json(const CollegeSpec& spec, const CollegeServer& server);
std::string serve_text(const CollegeSpec& spec, const CollegeServer& server);

}  // namespace coe::cli
