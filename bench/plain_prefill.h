// The engine's own prefill, without coe in between: what a profile is measured against.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/engine.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace coe::bench {

class PlainPrefill {
 public:
  virtual ~PlainPrefill() = default;
  // Every sequence from an empty cache. Without `packed` one after the other in batches of
  // EngineOptions::n_batch; with it, consecutive whole sequences share batches. Logits are asked
  // for the last token of each sequence only.
  virtual Status run(std::span<const std::vector<std::int32_t>> sequences, bool packed) = 0;
};

// A model and a context of its own with the same settings, but no callback.
Result<std::unique_ptr<PlainPrefill>> open_plain_prefill(const EngineOptions& options);

}  // namespace coe::bench
