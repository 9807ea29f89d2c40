// The routing profile on disk: a GGUF file (docs/formats/routing-profile.md), so that any GGUF tool
// can list it.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/routing/stats.h"

namespace coe {

// Same stats give identical bytes. Errors: those of AtomicFile.
Status write_profile(const Path& path, const RoutingStats& stats, Overwrite overwrite);
// Errors: those of GgufFile::open; kCorrupt when it is no profile, misses a key or tensor, or
// breaks an invariant; kUnsupported for a newer format version.
Result<RoutingStats> read_profile(const Path& path);

}  // namespace coe
