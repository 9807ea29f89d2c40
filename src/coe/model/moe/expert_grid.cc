#include "coe/model/moe/expert_grid.h"

#include "coe/base/result.h"
#include "coe/model/moe/id_list.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

namespace {

// The layers of `from` that `in` lacks.
std::vector<LayerId> missing_layers(const ExpertGrid& from, const ExpertGrid& in) {
  std::vector<LayerId> missing;
  for (const LayerId layer : from.layers)
    if (std::ranges::find(in.layers, layer) == in.layers.end()) missing.push_back(layer);
  return missing;
}

}  // namespace

ExpertGrid grid_of(const MoeModel& model) {
  ExpertGrid grid{
      {}, model.n_expert, model.n_expert_used, model.n_expert_group, model.n_chunk_expert};
  for (const auto& layer : model.layers) grid.layers.push_back(layer.id);
  return grid;
}

std::string grid_text(const ExpertGrid& grid) {
  auto text = fmt::format("{} layers of {} experts, {} used", grid.n_layer(), grid.n_expert,
                          grid.n_expert_used);
  if (grid.n_expert_group > 1) text += fmt::format(", in {} groups", grid.n_expert_group);
  if (grid.n_chunk_expert > 1) text += fmt::format(", in chunks of {}", grid.n_chunk_expert);
  return text;
}

Status check_same_grid(const ExpertGrid& expected, const ExpertGrid& found, std::string_view what) {
  if (expected == found) return {};
  std::string layers;
  if (const auto missing = missing_layers(expected, found); !missing.empty())
    layers += fmt::format("; it lacks {}", layer_list(missing));
  if (const auto extra = missing_layers(found, expected); !extra.empty())
    layers += fmt::format("; only it has {}", layer_list(extra));
  return fail(Code::kMismatch, fmt::format("{} has another shape ({} vs {}){}", what,
                                           grid_text(found), grid_text(expected), layers));
}

}  // namespace coe
