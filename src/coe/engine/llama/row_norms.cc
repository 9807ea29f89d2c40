#include "coe/engine/llama/row_norms.h"

#include "coe/base/result.h"
#include "coe/engine/llama/ggml_handles.h"
#include "coe/engine/llama/node_memory.h"

#include <ggml-backend.h>
#include <ggml.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace coe {
namespace {

// Partial sums in float over short runs keep the vector units busy; their error, some units in the
// last place of a float, is below that of the outputs themselves.
float length(const float* values, std::size_t n) {
  constexpr std::size_t kLanes = 16;
  std::array<float, kLanes> lanes{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane)
      lanes[lane] += values[i + lane] * values[i + lane];
  double sum = 0.0;
  for (; i < n; ++i) sum += static_cast<double>(values[i]) * values[i];
  for (const float lane : lanes) sum += lane;
  if (std::isfinite(sum) && sum >= 1e-30) return static_cast<float>(std::sqrt(sum));
  sum = 0.0;  // squares beyond a float's range
  for (i = 0; i < n; ++i) sum += static_cast<double>(values[i]) * values[i];
  return static_cast<float>(std::sqrt(sum));
}

std::vector<float> host_norms(const std::byte* data, const ggml_tensor* node) {
  const auto n = static_cast<std::size_t>(node->ne[0]);
  std::vector<float> norms;
  norms.reserve(static_cast<std::size_t>(node->ne[1] * node->ne[2]));
  for (std::int64_t j = 0; j < node->ne[2]; ++j)
    for (std::int64_t i = 0; i < node->ne[1]; ++i)
      norms.push_back(
          length(reinterpret_cast<const float*>(data + static_cast<std::size_t>(j) * node->nb[2] +
                                                static_cast<std::size_t>(i) * node->nb[1]),
                 n));
  return norms;
}

constexpr std::size_t kMaxSquares = std::size_t{16} << 20;  // floats beside the node

// By a small graph on the device, over the node's own memory.
Result<std::vector<float>> device_norms(DeviceBackend& device, const ggml_tensor* node) {
  const auto n = static_cast<std::size_t>(node->ne[0]);
  const auto n_row = static_cast<std::size_t>(node->ne[1] * node->ne[2]);
  const std::size_t step = std::max<std::size_t>(1, kMaxSquares / n);
  const std::size_t n_step = (n_row + step - 1) / step;
  const std::size_t n_tensor = 3 * n_step;
  ContextPtr context(ggml_init(
      {(n_tensor + 1) * ggml_tensor_overhead() + ggml_graph_overhead_custom(2 * n_tensor, false),
       nullptr, true}));
  ggml_cgraph* graph = ggml_new_graph_custom(context.get(), 2 * n_tensor, false);
  std::vector<ggml_tensor*> sums;
  for (std::size_t first = 0; first < n_row; first += step) {
    const std::size_t count = std::min(step, n_row - first);
    ggml_tensor* rows = ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, node->ne[0],
                                           static_cast<std::int64_t>(count));
    rows->data = static_cast<std::byte*>(node->data) + first * node->nb[1];
    rows->buffer = buffer_of(node);
    sums.push_back(ggml_sum_rows(context.get(), ggml_sqr(context.get(), rows)));
    ggml_set_output(sums.back());
    ggml_build_forward_expand(graph, sums.back());
  }
  COE_TRY_STATUS(device.allocate(graph));
  COE_TRY_STATUS(device.compute(graph));
  std::vector<float> norms(n_row);
  for (std::size_t i = 0; i < sums.size(); ++i)
    ggml_backend_tensor_get(sums[i], norms.data() + i * step, 0, ggml_nbytes(sums[i]));
  for (float& norm : norms) norm = std::sqrt(norm);
  return norms;
}

}  // namespace

Result<std::vector<float>> RowNorms::of(const ggml_tensor* node) {
  if (ggml_nelements(node) == 0) return std::vector<float>();
  if (ggml_backend_buffer_is_host(buffer_of(node)))
    return host_norms(static_cast<const std::byte*>(node->data), node);
  if (ggml_is_contiguous(node)) {
    COE_TRY(auto* const device, backends_.of(ggml_backend_buffer_get_type(buffer_of(node))));
    return device_norms(*device, node);
  }
  std::vector<std::byte> copy(ggml_nbytes(node));
  ggml_backend_tensor_get(node, copy.data(), 0, copy.size());
  return host_norms(copy.data(), node);
}

}  // namespace coe
