// What healing has finished of one layer, as a file.
#pragma once

#include "coe/base/file.h"
#include "coe/base/result.h"
#include "coe/child/heal/heal.h"

#include <string>

namespace coe {

// `key` says what it is of. Errors: those of write_gguf.
Status write_layer_state(const Path& path, const HealedLayer& layer, const std::string& key);
// Errors: kMismatch for one of another key; those of read_sidecar.
Result<HealedLayer> read_layer_state(const Path& path, const std::string& key);

}  // namespace coe
