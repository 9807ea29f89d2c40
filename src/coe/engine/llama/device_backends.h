// Backends of our own beside the scheduler's, one for each device, for small graphs over the values
// of its nodes.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/llama/ggml_handles.h"

#include <ggml-backend.h>

#include <memory>
#include <vector>

namespace coe {

struct DeviceBackend {
  ggml_backend_buffer_type_t type = nullptr;
  BackendPtr backend;
  AllocatorPtr allocator;

  // Allocates what the graph has no memory for. Errors: kEngine.
  Status allocate(ggml_cgraph* graph);
  // Errors: kEngine.
  Status compute(ggml_cgraph* graph);
};

// One for each context; used from its decoding thread only.
class DeviceBackends {
 public:
  // The backend of the device that holds buffers of `type`; the CPU's, with one thread, for host
  // memory. Valid as long as this. Errors: kEngine.
  Result<DeviceBackend*> of(ggml_backend_buffer_type_t type);

 private:
  std::vector<std::unique_ptr<DeviceBackend>> backends_;
};

}  // namespace coe
