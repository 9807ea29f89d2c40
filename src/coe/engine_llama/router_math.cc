#include "coe/engine_llama/router_math.h"

#include "coe/engine_llama/ggml_handles.h"

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>

#include <cmath>
#include <cstdint>

namespace coe {

struct RouterMath::Backend {
  ggml_backend_t handle = ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr);
  Backend() {
    // One thread: a few thousand exponentials do not pay for waking a pool.
    if (handle != nullptr) ggml_backend_cpu_set_n_threads(handle, 1);
  }
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  ~Backend() { ggml_backend_free(handle); }
};

RouterMath::RouterMath() = default;
RouterMath::~RouterMath() = default;

// `build` makes the result's tensor from the context and the input [width, n_row].
template <class Build>
Result<std::vector<float>> RouterMath::run(std::span<const float> x, std::size_t width,
                                           Build build) {
  if (!backend_) backend_ = std::make_unique<Backend>();
  if (backend_->handle == nullptr) return fail(Code::kEngine, "ggml has no CPU backend");
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
  const AllocatorPtr allocator(
      ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend_->handle)));
  if (!ggml_gallocr_alloc_graph(allocator.get(), graph))
    return fail(Code::kEngine, "ggml cannot allocate a router's values");
  ggml_backend_tensor_set(input, x.data(), 0, x.size_bytes());
  if (ggml_backend_graph_compute(backend_->handle, graph) != GGML_STATUS_SUCCESS)
    return fail(Code::kEngine, "ggml cannot compute a router's values");
  std::vector<float> result(x.size());
  ggml_backend_tensor_get(output, result.data(), 0, result.size() * sizeof(float));
  return result;
}

Result<std::vector<float>> RouterMath::softmax(std::span<const float> x, std::size_t width) {
  return run(x, width,
             [](ggml_context* context, ggml_tensor* in) { return ggml_soft_max(context, in); });
}

Result<std::vector<float>> RouterMath::weights(std::span<const float> raw, std::size_t n_used,
                                               const WeightRule& rule) {
  if (!rule.softmax && !rule.normalised && rule.scale == 1.0F)
    return std::vector<float>(raw.begin(), raw.end());
  return run(raw, n_used, [&](ggml_context* context, ggml_tensor* weights) {
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
