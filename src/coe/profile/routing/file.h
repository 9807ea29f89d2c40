// The routing profile on disk: a GGUF file (docs/formats/routing-profile.md), so that any GGUF tool
// can list it.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"
#include "coe/profile/routing/stats.h"

#include <string_view>
#include <vector>

namespace coe {

// Same stats give identical bytes. Errors: kCorrupt when `stats` breaks an invariant; those of
// AtomicFile.
Status write_profile(const Path& path, const RoutingStats& stats, Overwrite overwrite);
// Errors: those of GgufFile::open; kCorrupt when it is no profile (a model says so), misses a key
// or tensor, has one that does not belong or has another type or shape, or breaks an invariant;
// kUnsupported for a newer format version.
Result<RoutingStats> read_profile(const Path& path);

// For files that hold a profile among other things, under a `general.type` of their own.
struct ProfileContents {
  std::vector<gguf::KeyValue> keys;  // without general.type
  std::vector<gguf::TensorData> tensors;
};
// `stats` must keep the invariants.
ProfileContents profile_contents(const RoutingStats& stats);
// Errors: those of read_profile, but for general.type; tensors whose names begin with `others` are
// the caller's.
Result<RoutingStats> profile_from(const gguf::GgufFile& file, std::string_view others);

}  // namespace coe
