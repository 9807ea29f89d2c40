#include "coe/mask/compare/agg_cosine.h"

#include "coe/base/jobs.h"
#include "coe/base/observer.h"
#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/mask/compare/overlap.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/gguf/dequantizer.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/moe/down_projection.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::size_t kSpans = 16;  // of a layer: the pieces that threads take
// Sums of one thread, all masks together: stays in a processor core's own cache.
constexpr std::size_t kSumBytes = std::size_t{512} << 10;
constexpr std::size_t kMinChunk = 1024;
constexpr std::size_t kAhead = 8;  // spans that the system is asked to fetch before they are due

// An expert that is in some mask's residual.
struct Source {
  std::uint32_t expert = 0;
  double scale = 1.0;
  std::vector<std::size_t> masks;
};

struct LayerPlan {
  const gguf::TensorInfo* tensor = nullptr;
  std::uint64_t slab_bytes = 0;
  std::vector<Source> sources;  // ascending

  std::uint64_t block_bytes() const { return gguf::traits(tensor->type).block_bytes; }
  // Returns where span `i` of each expert begins, in whole blocks.
  std::uint64_t span_begin(std::size_t i) const {
    return slab_bytes / block_bytes() * i / kSpans * block_bytes();
  }
};

const MoeLayer& layer_of(const MoeModel& model, LayerId id) {
  if (const auto row = model.find_layer(id)) return model.layers[*row];
  const auto found = std::ranges::find(model.mtp_layers, id, &MoeLayer::id);
  COE_CHECK(found != model.mtp_layers.end());  // check_mask has looked
  return *found;
}

std::vector<Source> sources_of(const Overlap& overlap, std::size_t layer, std::uint32_t n_expert) {
  std::vector<Source> by_id(n_expert);
  for (std::size_t m = 0; m < overlap.residual.size(); ++m)
    for (const ExpertId id : overlap.residual[m][layer]) by_id[id.value].masks.push_back(m);
  std::vector<Source> out;
  for (std::uint32_t e = 0; e < n_expert; ++e) {
    if (by_id[e].masks.empty()) continue;
    out.push_back(std::move(by_id[e]));
    out.back().expert = e;
  }
  return out;
}

std::string place(const gguf::GgufFile& file, const gguf::TensorInfo& tensor) {
  return fmt::format("{}: tensor `{}`", file.path().string(), printable(tensor.name));
}

tl::unexpected<Error> not_finite(const gguf::GgufFile& file, const gguf::TensorInfo& tensor,
                                 std::uint32_t expert) {
  return fail(
      Code::kCorrupt,
      fmt::format("{}: expert {} has a value that is not finite", place(file, tensor), expert),
      "the file is damaged or badly converted; download or convert it again");
}

Status check_type(const gguf::GgufFile& file, const gguf::TensorInfo& tensor,
                  const gguf::Dequantizer& dequantizer) {
  if (dequantizer.can(tensor.type)) return {};
  return fail(Code::kUnsupported,
              fmt::format("{}: the engine cannot convert {} to numbers", place(file, tensor),
                          gguf::traits(tensor.type).name),
              "compare without -m, or use a parent of another type");
}

Status read_scales(const gguf::GgufFile& file, const gguf::TensorInfo& tensor,
                   const gguf::Dequantizer& dequantizer, std::vector<Source>& sources) {
  COE_TRY_STATUS(check_type(file, tensor, dequantizer));
  COE_TRY(const auto bytes, file.read_all(tensor));
  std::vector<float> scales(tensor.ne[0]);
  dequantizer.to_floats(tensor.type, bytes, scales);
  for (auto& source : sources) {
    source.scale = scales[source.expert];
    if (!std::isfinite(source.scale)) return not_finite(file, tensor, source.expert);
  }
  return {};
}

Result<std::vector<LayerPlan>> plan_layers(const gguf::GgufFile& file, const MoeModel& model,
                                           const Overlap& overlap,
                                           const gguf::Dequantizer& dequantizer) {
  const auto& tensors = file.header().tensors;
  std::vector<LayerPlan> plans;
  for (std::size_t l = 0; l < overlap.layers.size(); ++l) {
    const auto down = down_projection(file.header(), layer_of(model, overlap.layers[l]));
    LayerPlan plan{&tensors[down.weight.tensor], down.weight.slab_bytes,
                   sources_of(overlap, l, model.n_expert)};
    COE_TRY_STATUS(check_type(file, *plan.tensor, dequantizer));
    if (down.scale)
      COE_TRY_STATUS(read_scales(file, tensors[*down.scale], dequantizer, plan.sources));
    plans.push_back(std::move(plan));
  }
  return plans;
}

// In independent lanes, so that the compiler can keep them in vector registers.
double inner_product(std::span<const double> a, std::span<const double> b) {
  constexpr std::size_t kLanes = 8;
  double sums[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= a.size(); i += kLanes)
    for (std::size_t lane = 0; lane < kLanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  double total = 0.0;
  for (; i < a.size(); ++i) total += a[i] * b[i];
  for (const double sum : sums) total += sum;
  return total;
}

// The jobs are the spans, layer by layer; each has a place of its own for its products.
class SpanSums {
 public:
  SpanSums(const gguf::GgufFile& file, std::span<const LayerPlan> plans, std::size_t n_mask,
           const gguf::Dequantizer& dequantizer, std::size_t chunk_values)
      : file_(file),
        plans_(plans),
        n_mask_(n_mask),
        dequantizer_(dequantizer),
        chunk_values_(chunk_values),
        products_(n_job(), std::vector<double>(n_mask * n_mask, 0.0)) {}

  std::size_t n_job() const { return plans_.size() * kSpans; }

  struct Buffers {
    std::vector<std::byte> bytes;
    std::vector<float> values;
    std::vector<double> sums;  // [M, values]
  };

  Worker worker() {
    return [this, buffers = Buffers()](std::size_t job) mutable { return sum(job, buffers); };
  }

  std::vector<LayerGram> layers() const {
    std::vector<LayerGram> out(plans_.size());
    for (auto& layer : out) layer.products.assign(n_mask_ * n_mask_, 0.0);
    for (std::size_t job = 0; job < products_.size(); ++job)
      for (std::size_t i = 0; i < products_[job].size(); ++i)
        out[job / kSpans].products[i] += products_[job][i];
    return out;
  }

 private:
  void fetch(std::size_t job) const {
    if (job >= n_job()) return;
    const LayerPlan& plan = plans_[job / kSpans];
    const std::uint64_t begin = plan.span_begin(job % kSpans);
    const std::uint64_t n_bytes = plan.span_begin(job % kSpans + 1) - begin;
    const std::uint64_t tensor_at = file_.position(*plan.tensor);
    for (const auto& source : plan.sources)
      file_.will_need(plan.tensor->part, tensor_at + source.expert * plan.slab_bytes + begin,
                      n_bytes);
  }

  Result<std::uint64_t> sum(std::size_t job, Buffers& buffers) {
    if (job == 0)
      for (std::size_t first = 0; first < kAhead; ++first) fetch(first);
    fetch(job + kAhead);
    const LayerPlan& plan = plans_[job / kSpans];
    const auto& traits = gguf::traits(plan.tensor->type);
    const std::uint64_t end = plan.span_begin(job % kSpans + 1);
    const std::uint64_t step =
        std::max<std::uint64_t>(1, chunk_values_ / traits.block_size) * traits.block_bytes;
    std::uint64_t done = 0;
    for (std::uint64_t at = plan.span_begin(job % kSpans); at < end; at += step) {
      const std::uint64_t n = std::min(step, end - at);
      COE_TRY_STATUS(sum_chunk(plan, at, n, buffers));
      if (!add_products(products_[job], buffers)) return blame(plan, at, buffers);
      done += n * plan.sources.size();
    }
    return done;
  }

  // Bytes `at` to `at + n` of every source, into the sums of the masks that have it.
  Status sum_chunk(const LayerPlan& plan, std::uint64_t at, std::uint64_t n, Buffers& buffers) {
    const auto& traits = gguf::traits(plan.tensor->type);
    const auto n_value = static_cast<std::size_t>(n / traits.block_bytes * traits.block_size);
    buffers.bytes.resize(static_cast<std::size_t>(n));
    buffers.values.resize(n_value);
    buffers.sums.assign(n_mask_ * n_value, 0.0);
    for (const auto& source : plan.sources) {
      COE_TRY_STATUS(file_.read(*plan.tensor, source.expert * plan.slab_bytes + at, buffers.bytes));
      dequantizer_.to_floats(plan.tensor->type, buffers.bytes, buffers.values);
      for (const std::size_t mask : source.masks) {
        double* const sums = buffers.sums.data() + mask * n_value;
        const float* const values = buffers.values.data();
        for (std::size_t i = 0; i < n_value; ++i) sums[i] += source.scale * values[i];
      }
    }
    return {};
  }

  // False when a sum is not finite.
  bool add_products(std::vector<double>& products, const Buffers& buffers) const {
    bool finite = true;
    const std::size_t n_value = buffers.values.size();
    const auto row = [&](std::size_t mask) {
      return std::span(buffers.sums).subspan(mask * n_value, n_value);
    };
    for (std::size_t a = 0; a < n_mask_; ++a)
      for (std::size_t b = a; b < n_mask_; ++b) {
        const double product = inner_product(row(a), row(b));
        products[a * n_mask_ + b] += product;
        if (a != b) products[b * n_mask_ + a] += product;
        finite = finite && std::isfinite(product);
      }
    return finite;
  }

  // The expert at fault, where a chunk's sum is not finite: squares of sums of floats cannot
  // overflow a double.
  tl::unexpected<Error> blame(const LayerPlan& plan, std::uint64_t at, Buffers& buffers) const {
    for (const auto& source : plan.sources) {
      COE_TRY_STATUS(file_.read(*plan.tensor, source.expert * plan.slab_bytes + at, buffers.bytes));
      dequantizer_.to_floats(plan.tensor->type, buffers.bytes, buffers.values);
      if (!std::ranges::all_of(buffers.values, [](float v) { return std::isfinite(v); }))
        return not_finite(file_, *plan.tensor, source.expert);
    }
    return fail(Code::kInternal, place(file_, *plan.tensor) + ": a sum of weights overflowed");
  }

  const gguf::GgufFile& file_;
  std::span<const LayerPlan> plans_;
  std::size_t n_mask_;
  const gguf::Dequantizer& dequantizer_;
  std::size_t chunk_values_;
  std::vector<std::vector<double>> products_;  // of each job
};

Status check_masks(const MoeModel& model, std::span<const NamedMask> masks) {
  for (const auto& named : masks) {
    COE_TRY_STATUS(check_mask(named.mask, model, named.name));
    if (named.mask.n_keep() != masks[0].mask.n_keep())
      return fail(Code::kInvalidArgument,
                  fmt::format("{}: Agg-cos needs masks of one K ({} vs {} in {})", named.name,
                              named.mask.n_keep(), masks[0].mask.n_keep(), masks[0].name),
                  "leave -m out, or compare masks of equal K");
  }
  return {};
}

std::optional<double> cosine(double dot, double square_a, double square_b) {
  if (!(square_a > 0.0) || !(square_b > 0.0)) return std::nullopt;
  // One root of the product: equal sums give 1, to the last bit. Rounding may lead a hair beyond.
  return std::clamp(dot / std::sqrt(square_a * square_b), -1.0, 1.0);
}

}  // namespace

std::optional<double> AggCosine::of(std::size_t a, std::size_t b) const {
  double dot = 0.0;
  double square_a = 0.0;
  double square_b = 0.0;
  for (const auto& layer : layers_) {
    dot += layer.weight * product(layer, a, b);
    square_a += layer.weight * product(layer, a, a);
    square_b += layer.weight * product(layer, b, b);
  }
  return cosine(dot, square_a, square_b);
}

std::optional<double> AggCosine::of_layer(std::size_t a, std::size_t b, std::size_t layer) const {
  const auto& gram = layers_[layer];
  return cosine(product(gram, a, b), product(gram, a, a), product(gram, b, b));
}

Result<AggCosine> agg_cosine(const gguf::GgufFile& file, const MoeModel& model,
                             std::span<const NamedMask> masks, const Overlap& overlap,
                             const gguf::Dequantizer* dequantizer, const AggCosineOptions& options,
                             Observer& observer) {
  if (dequantizer == nullptr)
    return fail(Code::kEngine, "Agg-cos needs the engine's conversion of weights to numbers",
                "build with -DCOE_ENGINE=ON, or compare without -m");
  COE_TRY_STATUS(check_masks(model, masks));
  COE_TRY(const auto plans, plan_layers(file, model, overlap, *dequantizer));
  std::uint64_t total = 0;
  for (const auto& plan : plans) total += plan.slab_bytes * plan.sources.size();
  const std::size_t chunk = options.chunk_values > 0
                                ? options.chunk_values
                                : std::max(kMinChunk, kSumBytes / sizeof(double) / masks.size());
  SpanSums sums(file, plans, masks.size(), *dequantizer, chunk);
  const auto status = run_jobs(
      {sums.n_job(), "agg-cos", total, "bytes", options.n_thread},
      [&sums] { return sums.worker(); }, observer);
  if (!status && status.error().code == Code::kCancelled)
    return fail(Code::kCancelled,
                fmt::format("{}: stopped before Agg-cos was complete", file.path().string()));
  COE_TRY_STATUS(status);
  auto layers = sums.layers();
  for (std::size_t l = 0; l < layers.size(); ++l)
    layers[l].weight =
        masks[0].mask.n_keep() - static_cast<std::uint32_t>(overlap.backbone[l].size());
  return AggCosine(masks.size(), std::move(layers), total);
}

}  // namespace coe
