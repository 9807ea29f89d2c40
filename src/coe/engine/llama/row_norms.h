// Lengths of a graph node's rows, worked out where the node lies: in host memory by the calling
// thread, on a device by a small graph of its own, so that kilobytes travel instead of the node.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/llama/device_backends.h"

#include <vector>

struct ggml_tensor;  // NOLINT(readability-identifier-naming): the engine's

namespace coe {

// One for each context; used from its decoding thread only.
class RowNorms {
 public:
  // `backends` must outlive it.
  explicit RowNorms(DeviceBackends& backends) : backends_(backends) {}

  // L2 norm of each row (ne[0] values, F32) in the order of dimensions 1, 2. The node must have
  // been computed and its backend be idle. Errors: kEngine.
  Result<std::vector<float>> of(const ggml_tensor* node);

 private:
  DeviceBackends& backends_;
};

}  // namespace coe
