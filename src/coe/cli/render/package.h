// Renders what `coe package` made, and what `coe package --check` found.
#pragma once

#include "coe/base/file.h"
#include "coe/cli/render/document.h"
#include "coe/college/package/check.h"
#include "coe/college/package/package.h"

#include <string>

namespace coe::cli {

// The manifest, and what is of this run.
Json package_json(const PackageReport& report);
// Ends with the commands that run the specialist in each program.
std::string package_text(const PackageReport& report);

Json package_check_json(const Path& folder, const PackageProof& proof);
std::string package_check_text(const Path& folder, const PackageProof& proof);

}  // namespace coe::cli
