#include "coe/engine/llama/gram.h"

#include "coe/base/result.h"
#include "coe/engine/llama/ggml_handles.h"
#include "coe/engine/llama/node_memory.h"

#include <fmt/format.h>
#include <ggml-alloc.h>
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <ggml.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::size_t kMaxFloats = std::size_t{16} << 20;  // beside the outputs

void append_triangle(const float* matrix, std::size_t n, std::vector<float>& out) {
  for (std::size_t i = 0; i < n; ++i) out.insert(out.end(), matrix + i * n, matrix + i * n + i + 1);
}

}  // namespace

// A backend for some buffer type, beside the scheduler's own.
class Gram::Device {
 public:
  static Result<std::unique_ptr<Device>> open(ggml_backend_buffer_type_t type, int n_threads) {
    auto device = std::make_unique<Device>();
    device->type_ = type;
    if (ggml_backend_buft_is_host(type)) {
      device->backend_.reset(ggml_backend_init_by_type(GGML_BACKEND_DEVICE_TYPE_CPU, nullptr));
      if (device->backend_) ggml_backend_cpu_set_n_threads(device->backend_.get(), n_threads);
    } else {
      device->backend_.reset(ggml_backend_dev_init(ggml_backend_buft_get_device(type), nullptr));
    }
    if (device->backend_)
      device->allocator_.reset(
          ggml_gallocr_new(ggml_backend_get_default_buffer_type(device->backend_.get())));
    if (device->allocator_) return device;
    return fail(Code::kEngine, fmt::format("llama.cpp cannot open {} once more for products",
                                           ggml_backend_buft_name(type)));
  }

  ggml_backend_buffer_type_t type() const { return type_; }

  // Appends the grams of tokens [first, first + count).
  Status append(const ggml_tensor* node, std::size_t n_first, std::int64_t first,
                std::int64_t count, std::span<const float> channel_weights, Grams& out) {
    const ContextPtr context(
        ggml_init({8 * ggml_tensor_overhead() + ggml_graph_overhead(), nullptr, true}));
    ggml_cgraph* graph = ggml_new_graph(context.get());
    ggml_tensor* rows = ggml_new_tensor_3d(context.get(), GGML_TYPE_F32, node->ne[0],
                                           static_cast<std::int64_t>(n_first), count);
    rows->data =
        static_cast<std::byte*>(node->data) + static_cast<std::size_t>(first) * node->nb[2];
    rows->buffer = buffer_of(node);
    rows->nb[2] = node->nb[2];
    rows->nb[3] = node->nb[3];
    if (!ggml_is_contiguous(rows)) rows = ggml_cont(context.get(), rows);
    ggml_tensor* weights = nullptr;
    std::vector<std::pair<ggml_tensor*, std::vector<float>*>> results;
    const auto add = [&](ggml_tensor* product, std::vector<float>& values) {
      ggml_prec_set_acc(product, GGML_PREC_F32);
      ggml_set_output(product);
      ggml_build_forward_expand(graph, product);
      results.emplace_back(product, &values);
    };
    add(ggml_mul_mat(context.get(), rows, rows), out.plain);
    if (!channel_weights.empty()) {
      weights = ggml_new_tensor_1d(context.get(), GGML_TYPE_F32, node->ne[0]);
      ggml_set_input(weights);
      add(ggml_mul_mat(context.get(), rows, ggml_mul(context.get(), rows, weights)), out.weighted);
    }
    const auto failed = [&] {
      return fail(Code::kEngine, fmt::format("llama.cpp cannot work out products on {}",
                                             ggml_backend_buft_name(type_)));
    };
    if (!ggml_gallocr_alloc_graph(allocator_.get(), graph)) return failed();
    if (weights != nullptr)
      ggml_backend_tensor_set(weights, channel_weights.data(), 0, channel_weights.size_bytes());
    if (ggml_backend_graph_compute(backend_.get(), graph) != GGML_STATUS_SUCCESS) return failed();
    const std::size_t n = n_first;
    for (const auto& [product, values] : results) {
      matrices_.resize(static_cast<std::size_t>(count) * n * n);
      ggml_backend_tensor_get(product, matrices_.data(), 0, matrices_.size() * sizeof(float));
      for (std::size_t t = 0; t < static_cast<std::size_t>(count); ++t)
        append_triangle(matrices_.data() + t * n * n, n, *values);
    }
    return {};
  }

 private:
  ggml_backend_buffer_type_t type_ = nullptr;
  BackendPtr backend_;
  AllocatorPtr allocator_;
  std::vector<float> matrices_;
};

Gram::Gram(int n_threads) : n_threads_(n_threads) {}
Gram::~Gram() = default;

Result<Gram::Device*> Gram::device_of(const ggml_tensor* node) {
  const auto type = ggml_backend_buffer_get_type(buffer_of(node));
  for (const auto& device : devices_)
    if (device->type() == type) return device.get();
  COE_TRY(auto device, Device::open(type, n_threads_));
  return devices_.emplace_back(std::move(device)).get();
}

Result<Grams> Gram::of(const ggml_tensor* outputs, std::size_t n_first,
                       std::span<const float> channel_weights) {
  Grams out;
  if (ggml_nelements(outputs) == 0) return out;
  if (!ggml_is_contiguous(outputs) || outputs->type != GGML_TYPE_F32 ||
      (!channel_weights.empty() &&
       channel_weights.size() != static_cast<std::size_t>(outputs->ne[0])))
    return fail(Code::kEngine, "expert outputs have an unknown form");
  COE_TRY(auto* const device, device_of(outputs));
  const auto n_token = outputs->ne[2];
  const std::size_t n = n_first;
  const std::size_t n_value = static_cast<std::size_t>(n_token) * n * (n + 1) / 2;
  out.plain.reserve(n_value);
  if (!channel_weights.empty()) out.weighted.reserve(n_value);
  const std::size_t each = 2 * n * (static_cast<std::size_t>(outputs->ne[0]) + n);
  const auto step = static_cast<std::int64_t>(std::max<std::size_t>(1, kMaxFloats / each));
  for (std::int64_t first = 0; first < n_token; first += step)
    COE_TRY_STATUS(device->append(outputs, n_first, first, std::min(step, n_token - first),
                                  channel_weights, out));
  return out;
}

}  // namespace coe
