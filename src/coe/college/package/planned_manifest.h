// A package's manifest before there is a package: names and settings, as they follow from the child
// and from what the user says.
#pragma once

#include "coe/base/file.h"
#include "coe/college/package/facts.h"
#include "coe/college/package/manifest.h"

#include <cstdint>
#include <string>

namespace coe {

// Context that programs are told to use where nothing else is said.
inline constexpr std::uint32_t kPackagedContext = 8192;

struct PackageNaming {
  Path child;
  std::string name;  // empty: general.name
  std::string publisher = "coe";
  std::uint32_t n_ctx = kPackagedContext;  // at most what the child was trained for is taken
};

// Hashes of files, licence, origin, engine, profiles and measurements are left empty.
PackageManifest planned_manifest(const PackageNaming& naming, const ChildFacts& child);

}  // namespace coe
