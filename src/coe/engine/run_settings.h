// The fingerprint of a run: all that decides a bit of routing or logits besides the model's tensors
// and the text, as text, "n_batch=512 n_ctx=2048 …". Profiles, checkpoints, evaluations, parent
// caches and transfer cells keep it, and refuse another by the name of the setting.
#pragma once

#include "coe/engine/engine_library.h"

#include <optional>
#include <string>
#include <string_view>

namespace coe {

// Returns the settings of coe, the engine and its options, and the digest of the model's metadata
// ("-" where there is no such file, which whoever opens it will say). The number of threads is none
// of them, for each of ggml's sums is one thread's, nor is how weights are read, nor what buffers
// have room for. Layers are counted where there is a device to put them on, and cache types are
// named where they are not the usual ones: fingerprints of earlier versions stay what they were.
std::string run_settings(const EngineLibrary& library, const EngineOptions& options);

// The first setting, in the order of `wanted`, in which two such texts differ: "n_batch (256 vs
// 512)", found first; nullopt where they say the same. A setting that only one of them has is
// "missing" in the other.
std::optional<std::string> settings_difference(std::string_view found, std::string_view wanted);

// The settings without what they say of the model: those of a run of any.
std::string without_model(std::string_view settings);

}  // namespace coe
