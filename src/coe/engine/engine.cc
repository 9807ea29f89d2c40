#include "coe/engine/engine.h"

#include <fmt/format.h>

#include <algorithm>

namespace coe {

Status Engine::decode_all(std::span<const DecodeRequest> requests) {
  for (const auto& request : requests) COE_TRY_STATUS(decode(request));
  return {};
}

Result<std::unique_ptr<Engine>> Engine::fork() {
  return fail(Code::kUnsupported, "this engine runs in one context only");
}

Status check_filter(const EngineInfo& info, const ExpertFilter& filter) {
  for (const auto& [layer, kept] : filter.kept) {
    if (std::find(info.moe_layers.begin(), info.moe_layers.end(), layer) == info.moe_layers.end())
      return fail(Code::kInvalidArgument, fmt::format("filter: layer {} has no router", layer));
    if (kept.size() < info.n_expert_used)
      return fail(Code::kInvalidArgument,
                  fmt::format("filter: layer {} keeps {} experts, below the {} used per token",
                              layer, kept.size(), info.n_expert_used));
    for (const auto id : kept) {
      if (id >= info.n_expert)
        return fail(Code::kInvalidArgument, fmt::format("filter: layer {} keeps expert {} of {}",
                                                        layer, id, info.n_expert));
    }
  }
  return {};
}

}  // namespace coe
