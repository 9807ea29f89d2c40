// The routing profile on disk: a GGUF file (docs/formats/routing-profile.md), so that any GGUF tool
// can list it.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/model/gguf/sidecar.h"
#include "coe/profile/routing/stats.h"

namespace coe {

// Same stats give identical bytes. Errors: kCorrupt when `stats` breaks an invariant; those of
// AtomicFile.
Status write_profile(const Path& path, const RoutingStats& stats, Overwrite overwrite);
// Errors: those of GgufFile::open; kCorrupt when it is no profile (a model says so), misses a key
// or tensor, has one that does not belong or has another type or shape, or breaks an invariant;
// kUnsupported for a newer format version.
Result<RoutingStats> read_profile(const Path& path);

// The keys and tensors of a profile, but for general.type, in files that hold one among other
// things. `stats` must keep the invariants.
void visit_profile(gguf::SidecarWriter& file, const RoutingStats& stats);
// Errors: those of read_profile, but for strange tensors.
void visit_profile(gguf::SidecarReader& file, RoutingStats& stats);

}  // namespace coe
