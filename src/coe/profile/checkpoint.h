// The state of a profile run on disk, to go on from after a kill: the profile so far in the form of
// a profile file, with keys and tensors of its own beside it (docs/formats/routing-profile.md).
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/profile/routing/stats.h"
#include "coe/profile/stability.h"

#include <cstdint>
#include <optional>
#include <string>

namespace coe {

struct CheckpointHead {
  std::uint64_t n_done = 0;  // items of the plan
  std::uint64_t n_item = 0;  // that the plan has
  std::string settings;      // what decides the bits besides the profile's own settings
};

struct Checkpoint {
  CheckpointHead head;
  RoutingStats stats;  // sub-domains without text so far included
  std::optional<StabilityState> stability;
};

// Replaces `path` at once and whole, so that a kill leaves the old state or the new one. Errors:
// those of AtomicFile.
Status write_checkpoint(const Path& path, const CheckpointHead& head, const RoutingStats& stats,
                        const StabilityState* stability);
// Errors: kNotFound; kCorrupt when it is no checkpoint or breaks its form; kUnsupported for a newer
// form.
Result<Checkpoint> read_checkpoint(const Path& path);
// Removes it, where there is one, and what a kill while it was written left.
void remove_checkpoint(const Path& path);

}  // namespace coe
