#include "coe/engine_llama/softmax.h"

#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>

#include <cstdint>

namespace coe {

namespace {

struct ContextDeleter {
  void operator()(ggml_context* context) const { ggml_free(context); }
};
struct AllocatorDeleter {
  void operator()(ggml_gallocr* allocator) const { ggml_gallocr_free(allocator); }
};

}  // namespace

struct Softmax::Backend {
  ggml_backend_t handle = ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr);
  Backend() {
    // One thread: a few thousand exponentials do not pay for waking a pool.
    if (handle != nullptr) ggml_backend_cpu_set_n_threads(handle, 1);
  }
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  ~Backend() { ggml_backend_free(handle); }
};

Softmax::Softmax() = default;
Softmax::~Softmax() = default;

Result<std::vector<float>> Softmax::rows(std::span<const float> x, std::size_t width) {
  if (!backend_) backend_ = std::make_unique<Backend>();
  if (backend_->handle == nullptr) return fail(Code::kEngine, "ggml has no CPU backend");
  const std::unique_ptr<ggml_context, ContextDeleter> context(
      ggml_init({.mem_size = ggml_tensor_overhead() * 8 + ggml_graph_overhead(),
                 .mem_buffer = nullptr,
                 .no_alloc = true}));
  ggml_tensor* input =
      ggml_new_tensor_2d(context.get(), GGML_TYPE_F32, static_cast<std::int64_t>(width),
                         static_cast<std::int64_t>(x.size() / width));
  ggml_set_input(input);
  ggml_tensor* output = ggml_soft_max(context.get(), input);
  ggml_set_output(output);
  ggml_cgraph* graph = ggml_new_graph(context.get());
  ggml_build_forward_expand(graph, output);
  const std::unique_ptr<ggml_gallocr, AllocatorDeleter> allocator(
      ggml_gallocr_new(ggml_backend_get_default_buffer_type(backend_->handle)));
  if (!ggml_gallocr_alloc_graph(allocator.get(), graph))
    return fail(Code::kEngine, "ggml cannot allocate a softmax");
  ggml_backend_tensor_set(input, x.data(), 0, x.size_bytes());
  if (ggml_backend_graph_compute(backend_->handle, graph) != GGML_STATUS_SUCCESS)
    return fail(Code::kEngine, "ggml cannot compute a softmax");
  std::vector<float> result(x.size());
  ggml_backend_tensor_get(output, result.data(), 0, result.size() * sizeof(float));
  return result;
}

}  // namespace coe
