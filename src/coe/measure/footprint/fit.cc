#include "coe/measure/footprint/fit.h"

#include "coe/measure/footprint/memory.h"
#include "coe/model/moe/keep_count.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <string_view>
#include <utility>

namespace coe {

namespace {

// How many counts the answer stands between, on either side.
constexpr std::size_t kNeighbours = 2;

// As possible_counts, but for groups of which a token reaches too few experts; then the parent.
std::vector<std::uint32_t> counts_of(const MoeModel& model) {
  auto counts = possible_counts(grid_of(model));
  if (model.n_expert_group > 1)
    std::erase_if(counts, [&](std::uint32_t k) {
      return k / model.n_expert_group * model.n_group_used < model.n_expert_used;
    });
  counts.push_back(model.n_expert);
  return counts;
}

// What llama.cpp's --n-cpu-moe keeps on the host: the experts' matrices, not their router.
std::uint64_t bytes_beside(const OpenModel& model, std::uint32_t n_keep, std::uint32_t n_cpu_moe) {
  const auto& tensors = model.file.header().tensors;
  std::uint64_t bytes = 0;
  const auto add = [&](const ExpertTensor& slab, std::uint32_t n) {
    const std::string_view name = tensors[slab.tensor].name;
    if (name.find("exps") != std::string_view::npos && tensors[slab.tensor].n_dims == 3)
      bytes += slab.slab_bytes * n;
  };
  for (const auto& layer : model.moe.layers) {
    if (layer.id.value >= n_cpu_moe) continue;
    for (const auto& slab : layer.experts) add(slab, n_keep);
    for (const auto& slab : layer.chunks) add(slab, n_keep / model.moe.n_chunk_expert);
  }
  return bytes;
}

FitPoint point_of(const OpenModel& model, std::uint32_t n_keep, std::uint32_t n_cpu_moe,
                  std::span<const DeviceMemory> devices) {
  FitPoint point{n_keep, {}, bytes_beside(model, n_keep, n_cpu_moe)};
  const bool has_gpu = std::ranges::any_of(devices, [](const auto& d) { return !d.is_host; });
  auto& sum = point.on_device;
  for (const auto& device : devices) {
    if (device.is_host == has_gpu) continue;
    sum.device = device.device;
    sum.is_host = device.is_host;
    sum.weights += device.weights;
    sum.kv_cache += device.kv_cache;
    sum.compute += device.compute;
    sum.other += device.other;
  }
  if (!has_gpu) sum.weights -= std::min(sum.weights, point.beside);
  return point;
}

}  // namespace

Result<FitSearch> search_fit(std::span<const std::uint32_t> counts, std::uint64_t budget,
                             const std::function<Result<FitPoint>(std::uint32_t n_keep)>& predict) {
  std::map<std::size_t, FitPoint> asked;
  const auto ask = [&](std::size_t i) -> Result<const FitPoint*> {
    const auto at = asked.find(i);
    if (at != asked.end()) return &at->second;
    COE_TRY(auto point, predict(counts[i]));
    return &asked.emplace(i, std::move(point)).first->second;
  };
  std::size_t n_fit = 0;  // so many of the smallest counts fit
  for (std::size_t end = counts.size(); n_fit < end;) {
    const auto middle = n_fit + (end - n_fit) / 2;
    COE_TRY(const auto* point, ask(middle));
    if (point->fits(budget))
      n_fit = middle + 1;
    else
      end = middle;
  }
  FitSearch out;
  if (n_fit > 0) out.n_keep = counts[n_fit - 1];
  const std::size_t chosen = n_fit > 0 ? n_fit - 1 : 0;
  const std::size_t last = std::min(chosen + kNeighbours, counts.size() - 1);
  const std::size_t first = chosen < kNeighbours ? 0 : chosen - kNeighbours;
  if (last + 1 < counts.size()) {
    COE_TRY(const auto* point, ask(counts.size() - 1));
    out.points.push_back(*point);
  }
  for (auto i = last + 1; i-- > first;) {
    COE_TRY(const auto* point, ask(i));
    out.points.push_back(*point);
  }
  return out;
}

Result<Fit> fit_keep(const EngineLibrary& library, const OpenModel& parent,
                     const FitOptions& options, Observer& observer) {
  auto engine = options.engine;
  engine.n_gpu_layers = -1;
  Fit out;
  out.n_ctx = std::min(options.n_ctx, parent.moe.n_ctx_train);
  out.budget = options.budget;
  const std::array contexts = {out.n_ctx};
  const auto predict = [&](std::uint32_t n_keep) -> Result<FitPoint> {
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    COE_TRY(const auto found,
            n_keep == parent.moe.n_expert
                ? predicted_memory(library, engine, contexts)
                : predicted_child_memory(library, parent, n_keep, engine, contexts));
    return point_of(parent, n_keep, engine.n_cpu_moe, found.front());
  };
  COE_TRY(auto found, search_fit(counts_of(parent.moe), options.budget, predict));
  out.n_keep = found.n_keep;
  out.points = std::move(found.points);
  return out;
}

}  // namespace coe
