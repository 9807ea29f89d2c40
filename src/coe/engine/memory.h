// Memory that a model takes on a device.
#pragma once

#include <cstdint>
#include <string>

namespace coe {

// The engine takes this much, by device.
struct DeviceMemory {
  std::string device;  // "CPU", "CUDA0"
  bool is_host = false;
  std::uint64_t weights = 0;
  std::uint64_t kv_cache = 0;  // and other state of a sequence
  std::uint64_t compute = 0;   // graphs of a batch and of a token
  std::uint64_t other = 0;     // beside buffers: vocabulary, graphs, a GPU's own

  std::uint64_t sum() const { return weights + kv_cache + compute + other; }
};

// A device beside the host has this much.
struct DeviceSpace {
  std::string device;
  std::string description;  // "NVIDIA H100 80GB HBM3"
  std::uint64_t total = 0;
  std::uint64_t free = 0;
};

}  // namespace coe
