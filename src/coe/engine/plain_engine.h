// A model that runs as any program would run it: nothing observes its graph, and the sequence goes
// on where it was. For measurements of speed and memory.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/memory.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

class PlainEngine {
 public:
  virtual ~PlainEngine() = default;
  virtual const std::string& name() const = 0;  // as EngineInfo::engine
  virtual std::uint32_t n_vocab() const = 0;
  virtual std::uint32_t n_ctx() const = 0;
  // Counts the buffers that there are; `other` is 0.
  virtual std::vector<DeviceMemory> memory() const = 0;
  // As Engine::tokenize.
  virtual Result<std::vector<std::int32_t>> tokenize(std::string_view text) = 0;
  // Empties the KV cache.
  virtual void clear() = 0;
  // Appends the tokens to the sequence, in batches of EngineOptions::n_batch, with the logits of
  // the last, and waits for them. Errors: kInvalidArgument beyond n_ctx; kEngine.
  virtual Status append(std::span<const std::int32_t> tokens) = 0;
};

}  // namespace coe
