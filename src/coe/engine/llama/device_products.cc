#include "coe/engine/llama/device_products.h"

#include "coe/base/jobs.h"
#include "coe/base/rng.h"
#include "coe/engine/llama/device_backends.h"
#include "coe/engine/llama/ggml_handles.h"

#include <fmt/format.h>
#include <ggml-backend.h>
#include <ggml.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace coe {
namespace {

class DeviceProducts : public MatrixProducts {
 public:
  explicit DeviceProducts(unsigned n_thread) : n_thread_(n_thread) {}

  Status open(ggml_backend_buffer_type_t type) {
    COE_TRY(device_, backends_.of(type));
    if (!ggml_backend_buft_is_host(type))
      host_type_ = ggml_backend_dev_host_buffer_type(ggml_backend_buft_get_device(type));
    return check();
  }

  Status multiply(const Factor& a, const Factor& b, std::span<float> c) override {
    constexpr std::size_t kMostTensors = 7;
    const ContextPtr context(
        ggml_init({kMostTensors * ggml_tensor_overhead() + ggml_graph_overhead(), nullptr, true}));
    ggml_cgraph* graph = ggml_new_graph(context.get());
    const bool is_gram = a.values == b.values && a.n_row == b.n_row && a.n_column == b.n_column;
    auto* first = matrix(context.get(), a);
    auto* second = is_gram ? first : matrix(context.get(), b);
    // ggml's product is that of rows with rows.
    const auto rows = [&](ggml_tensor* values, bool turned) {
      return turned ? ggml_cont(context.get(), ggml_transpose(context.get(), values)) : values;
    };
    auto* product =
        ggml_mul_mat(context.get(), rows(second, !b.transposed), rows(first, a.transposed));
    ggml_prec_set_acc(product, GGML_PREC_F32);
    ggml_set_output(product);
    ggml_build_forward_expand(graph, product);
    COE_CHECK(ggml_nbytes(product) == c.size_bytes());
    COE_TRY_STATUS(device_->allocate(graph));
    upload(a, first);
    if (!is_gram) upload(b, second);
    COE_TRY_STATUS(device_->compute(graph));
    download(product, c);
    return {};
  }

 private:
  static ggml_tensor* matrix(ggml_context* context, const Factor& factor) {
    auto* tensor =
        ggml_new_tensor_2d(context, GGML_TYPE_F32, static_cast<std::int64_t>(factor.n_column),
                           static_cast<std::int64_t>(factor.n_row));
    ggml_set_input(tensor);
    return tensor;
  }

  // Memory of so many bytes that the device reaches by itself; null where there is none.
  std::byte* lock_room(std::size_t n_byte) {
    if (host_type_ != nullptr && (!room_ || ggml_backend_buffer_get_size(room_.get()) < n_byte))
      room_.reset(ggml_backend_buft_alloc_buffer(host_type_, n_byte));
    return room_ ? static_cast<std::byte*>(ggml_backend_buffer_get_base(room_.get())) : nullptr;
  }

  void copy(std::byte* to, const std::byte* from, std::size_t n_byte) const {
    constexpr std::size_t kAtOnce = std::size_t{1} << 21;
    for_each_at_once((n_byte + kAtOnce - 1) / kAtOnce, n_thread_, [&](std::size_t piece) {
      const std::size_t at = piece * kAtOnce;
      std::memcpy(to + at, from + at, std::min(kAtOnce, n_byte - at));
    });
  }

  void upload(const Factor& factor, ggml_tensor* tensor) {
    const std::size_t n_byte = ggml_nbytes(tensor);
    const void* from = factor.values;
    if (auto* room = lock_room(n_byte); room != nullptr) {
      copy(room, reinterpret_cast<const std::byte*>(factor.values), n_byte);
      from = room;
    }
    ggml_backend_tensor_set(tensor, from, 0, n_byte);
  }

  void download(const ggml_tensor* tensor, std::span<float> values) {
    auto* const room = lock_room(values.size_bytes());
    ggml_backend_tensor_get(tensor, room != nullptr ? static_cast<void*>(room) : values.data(), 0,
                            values.size_bytes());
    if (room != nullptr)
      copy(reinterpret_cast<std::byte*>(values.data()), room, values.size_bytes());
  }

  // Holds one product to sums in double: some backends make half floats of what they multiply,
  // which would not hold values like these.
  Status check() {
    constexpr std::size_t kRows = 48;
    constexpr std::size_t kInner = 160;
    constexpr std::size_t kColumns = 32;
    constexpr double kSize = 1e6;
    constexpr double kMost = 2e-3;  // TF32 is at some 3e-4, BF16 at 3e-3
    Rng rng(1);
    std::vector<float> a(kRows * kInner);
    std::vector<float> b(kColumns * kInner);
    for (auto* values : {&a, &b})
      for (float& value : *values) value = static_cast<float>(kSize * (rng.uniform() - .5));
    std::vector<float> c(kRows * kColumns);
    COE_TRY_STATUS(
        multiply({a.data(), kRows, kInner, false}, {b.data(), kColumns, kInner, true}, c));
    double off = 0.0;
    double all = 0.0;
    for (std::size_t i = 0; i < kRows; ++i)
      for (std::size_t j = 0; j < kColumns; ++j) {
        double sum = 0.0;
        for (std::size_t k = 0; k < kInner; ++k)
          sum += static_cast<double>(a[i * kInner + k]) * static_cast<double>(b[j * kInner + k]);
        const double error = static_cast<double>(c[i * kColumns + j]) - sum;
        off += error * error;
        all += sum * sum;
      }
    if (off <= kMost * kMost * all) return {};
    return fail(Code::kEngine,
                fmt::format("{} multiplies matrices with an error of {:.2g}",
                            ggml_backend_buft_name(device_->type), std::sqrt(off / all)));
  }

  unsigned n_thread_;
  DeviceBackends backends_;
  DeviceBackend* device_ = nullptr;
  ggml_backend_buffer_type_t host_type_ = nullptr;
  BufferPtr room_;
};

}  // namespace

Result<std::unique_ptr<MatrixProducts>> open_device_products(ggml_backend_buffer_type_t type,
                                                             unsigned n_thread) {
  auto products = std::make_unique<DeviceProducts>(n_thread);
  COE_TRY_STATUS(products->open(type));
  return products;
}

}  // namespace coe
