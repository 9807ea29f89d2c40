// Runs the items of a plan through an engine and hands their routing over in order, while the next
// ones are being decoded: what is done with the routing does not hold up the model, and on a GPU a
// second context fills the pauses that observing the first one makes.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/engine.h"
#include "coe/profile/plan.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace coe {

// The reports of one window, kept.
class RoutingTrace : public RoutingObserver {
 public:
  void on_routing(const LayerRouting& routing) override { reports_.push_back(routing); }
  void replay(RoutingObserver& observer) const {
    for (const auto& routing : reports_) observer.on_routing(routing);
  }

 private:
  std::vector<LayerRouting> reports_;
};

// Says where packs of consecutive items begin, ascending from 0: items of a pack share forward
// passes. It follows from the items and the engine alone, so that a resumed run has the same packs.
std::vector<std::size_t> plan_packs(std::span<const WorkItem> items, const EngineInfo& info);

struct PipelineOptions {
  bool outputs = true;  // LayerRouting's norms, too
  const ExpertFilter* filter = nullptr;
  std::size_t first_pack = 0;  // those before it are done
  // Engines at work: the one given and its forks. 0: as many as suit it.
  std::size_t n_engine = 0;
};

enum class Next { kGoOn, kStop };

// Called in the thread of run_items, once for each pack in their order, with the index of its first
// item and the traces of each item's windows.
using DeliverPack = std::function<Result<Next>(std::size_t first,
                                               std::span<const std::vector<RoutingTrace>> traces)>;

// `observer` is called in the calling thread only. Errors: those of Engine::decode and of
// `deliver`, which end the run; packs before it have been delivered.
Status run_items(Engine& engine, std::span<const WorkItem> items,
                 std::span<const std::size_t> packs, const PipelineOptions& options,
                 Observer& observer, const DeliverPack& deliver);

}  // namespace coe
