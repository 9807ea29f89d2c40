#include "coe/engine/llama/device_backends.h"

#include <fmt/format.h>
#include <ggml-alloc.h>
#include <ggml-cpu.h>

#include <utility>

namespace coe {

namespace {

auto cannot(const char* what, ggml_backend_buffer_type_t type) {
  return fail(Code::kEngine,
              fmt::format("llama.cpp cannot {} on {}", what, ggml_backend_buft_name(type)));
}

}  // namespace

Status DeviceBackend::allocate(ggml_cgraph* graph) {
  if (ggml_gallocr_alloc_graph(allocator.get(), graph)) return {};
  return cannot("allocate a small graph", type);
}

Status DeviceBackend::compute(ggml_cgraph* graph) {
  if (ggml_backend_graph_compute(backend.get(), graph) == GGML_STATUS_SUCCESS) return {};
  return cannot("compute a small graph", type);
}

Result<DeviceBackend*> DeviceBackends::of(ggml_backend_buffer_type_t type) {
  const bool host = ggml_backend_buft_is_host(type);
  if (host) type = ggml_backend_cpu_buffer_type();
  for (const auto& known : backends_)
    if (known->type == type) return known.get();
  auto opened = std::make_unique<DeviceBackend>();
  opened->type = type;
  opened->backend.reset(host ? ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr)
                             : ggml_backend_dev_init(ggml_backend_buft_get_device(type), nullptr));
  opened->allocator.reset(ggml_gallocr_new(type));
  if (!opened->backend || !opened->allocator) return cannot("open one more backend", type);
  // One thread: a few thousand exponentials do not pay for waking a pool.
  if (host) ggml_backend_cpu_set_n_threads(opened->backend.get(), 1);
  return backends_.emplace_back(std::move(opened)).get();
}

}  // namespace coe
