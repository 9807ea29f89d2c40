// Lengths of a graph node's rows, worked out where the node lies: in host memory by the calling
// thread, on a device by a small graph of its own, so that kilobytes travel instead of the node.
#pragma once

#include "coe/base/result.h"

#include <memory>
#include <vector>

struct ggml_tensor;  // NOLINT(readability-identifier-naming): the engine's

namespace coe {

// One for each context; used from its decoding thread only.
class RowNorms {
 public:
  RowNorms();
  ~RowNorms();
  RowNorms(const RowNorms&) = delete;
  RowNorms& operator=(const RowNorms&) = delete;

  // L2 norm of each row (ne[0] values, F32) in the order of dimensions 1, 2. The node must have
  // been computed and its backend be idle. Errors: kEngine.
  Result<std::vector<float>> of(const ggml_tensor* node);

 private:
  class Device;
  Result<Device*> device_of(const ggml_tensor* node);

  std::vector<std::unique_ptr<Device>> devices_;
};

}  // namespace coe
