#include "coe/engine/llama/router_math.h"

#include "coe/engine/llama/ggml_handles.h"

#include <ggml-backend.h>
#include <ggml.h>

#include <cmath>
#include <cstdint>

namespace coe {

// `build` makes the result's tensor from the context and the input [width, n_row].
template <class Build>
Result<std::vector<float>> RouterMath::run(std::span<const float> x, std::size_t width,
                                           ggml_backend_buffer_type_t where, Build build) {
  COE_TRY(auto* const device, backends_.of(where));
  const ContextPtr context(
      ggml_init({.mem_size = ggml_tensor_overhead() * 8 + ggml_graph_overhead(),
                 .mem_buffer = nullptr,
                 .no_alloc = true}));
  ggml_tensor* input =
      ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, static_cast<std::int64_t>(width),
                         static_cast<std::int64_t>(x.size() / width));
  ggml_set_input(input);
  ggml_tensor* output = build(context.get(), input);
  ggml_set_output(output);
  ggml_cgraph* graph = ggml_new_graph(context.get());
  ggml_build_forward_expand(graph, output);
  COE_TRY_STATUS(device->allocate(graph));
  ggml_backend_tensor_set(input, x.data(), 0, x.size_bytes());
  COE_TRY_STATUS(device->compute(graph));
  std::vector<float> result(x.size());
  ggml_backend_tensor_get(output, result.data(), 0, result.size() * sizeof(float));
  return result;
}

Result<std::vector<float>> RouterMath::softmax(std::span<const float> x, std::size_t width,
                                               ggml_backend_buffer_type_t where) {
  return run(x, width, where,
             [](ggml_context* context, ggml_tensor* in) { return ggml_soft_max(context, in); });
}

Result<std::vector<float>> RouterMath::weights(std::span<const float> raw, std::size_t n_used,
                                               const WeightRule& rule) {
  if (!rule.softmax && !rule.normalised && rule.scale == 1.0F)
    return std::vector<float>(raw.begin(), raw.end());
  return run(raw, n_used, ggml_backend_cpu_buffer_type(),
             [&](ggml_context* context, ggml_tensor* weights) {
               if (rule.softmax) weights = ggml_soft_max(context, weights);
               if (rule.normalised) {
                 ggml_tensor* sum = ggml_sum_rows(context, weights);
                 sum = ggml_clamp(context, sum, rule.least_sum, INFINITY);
                 weights = ggml_div(context, weights, sum);
               }
               if (rule.scale != 1.0F) weights = ggml_scale(context, weights, rule.scale);
               return weights;
             });
}

}  // namespace coe
