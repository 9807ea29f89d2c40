#include "coe/measure/footprint/memory_run.h"

#include "coe/measure/footprint/parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <numeric>
#include <utility>

namespace coe {

namespace {

Result<ModelMemory> measure_model(const EngineLibrary& library, const Path& file,
                                  const MoeModel& moe, const MemoryOptions& options,
                                  Observer& observer) {
  ModelMemory out{file, moe.id, moe.n_expert, {}};
  auto engine = options.engine;
  engine.model = file;
  for (const auto asked : options.contexts) {
    const auto n_ctx = std::min(asked, moe.n_ctx_train);
    if (n_ctx < asked)
      observer.warning(fmt::format("{}: trained for {} tokens; -c {} is taken as that",
                                   file.string(), n_ctx, asked));
    engine.n_ctx = n_ctx;
    COE_TRY(auto predicted, predicted_memory(library, engine, std::array{n_ctx}));
    out.cells.push_back({n_ctx, std::move(predicted.front()), {}});
    if (!options.measures) continue;
    COE_TRY(out.cells.back().measured, measured_memory(library, engine, options.n_fill, observer));
  }
  return out;
}

}  // namespace

std::uint64_t MemoryCell::in_use() const {
  const auto& bytes = measured->in_use;
  return std::accumulate(bytes.begin(), bytes.end(), std::uint64_t{0});
}

double MemoryCell::error() const {
  return static_cast<double>(in_use()) / static_cast<double>(sum_of(predicted)) - 1.0;
}

Result<std::vector<ModelMemory>> run_memory(const EngineLibrary& library,
                                            std::span<const Path> files,
                                            const MemoryOptions& options, Observer& observer) {
  std::vector<MoeModel> described;
  for (const auto& file : files) {
    COE_TRY(auto model, open_model(file, observer));
    described.push_back(std::move(model.moe));
  }
  std::vector<ModelMemory> models;
  for (std::size_t i = 0; i < files.size(); ++i) {
    COE_TRY(auto model, measure_model(library, files[i], described[i], options, observer));
    models.push_back(std::move(model));
  }
  return models;
}

Result<std::vector<CutMemory>> predict_cuts(const EngineLibrary& library, const OpenModel& parent,
                                            const EngineOptions& options,
                                            std::vector<std::uint32_t> counts,
                                            std::vector<std::uint32_t> contexts,
                                            Observer& observer) {
  for (auto& n_ctx : contexts) n_ctx = std::min(n_ctx, parent.moe.n_ctx_train);
  if (counts.empty()) counts = suggested_counts(parent.moe);
  counts.insert(counts.begin(), parent.moe.n_expert);
  std::vector<CutMemory> out;
  for (std::size_t k = 0; k < counts.size(); ++k) {
    observer.progress("memory", k, counts.size(), "models");
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    COE_TRY(auto found,
            k == 0 ? predicted_memory(library, options, contexts)
                   : predicted_child_memory(library, parent, counts[k], options, contexts));
    for (std::size_t c = 0; c < contexts.size(); ++c)
      out.push_back({counts[k], contexts[c], std::move(found[c])});
  }
  return out;
}

}  // namespace coe
