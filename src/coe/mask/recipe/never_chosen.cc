#include "coe/mask/recipe/never_chosen.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <span>

namespace coe {

NeverChosen never_chosen(const KeepMask& mask, const ExpertGrid& shape,
                         std::span<const Choices> choices, std::span<const PassLog* const> logs) {
  const std::uint32_t n_chunk = std::max(shape.n_chunk_expert, 1U);
  std::set<LayerExpert> brought_in;  // the first of its chunk
  for (const auto* log : logs)
    for (const auto& swap : log->swaps) brought_in.insert({swap.layer, swap.in});
  NeverChosen found;
  for (const auto& each : choices) found.n_token += each.n_token;
  for (std::size_t row = 0; row < shape.n_layer(); ++row) {
    std::uint32_t n = 0;
    const auto kept = mask.layers().find(shape.layers[row]);
    if (kept != mask.layers().end())
      for (const ExpertId id : kept->second) {
        const bool chosen = std::ranges::any_of(
            choices, [&](const Choices& each) { return each.n_chosen.at(row, id.value) > 0; });
        const ExpertId chunk{id.value / n_chunk * n_chunk};
        if (!chosen && !brought_in.contains({shape.layers[row], chunk})) ++n;
      }
    found.layers.push_back(n);
  }
  return found;
}

}  // namespace coe
