#include "coe/measure/footprint/parts.h"

#include "coe/model/gguf/tensor_type.h"
#include "coe/model/moe/keep_count.h"
#include "coe/model/text_part/text_part.h"

#include <algorithm>
#include <cstddef>

namespace coe {

namespace {

std::string_view part_of(std::string_view name, bool is_expert) {
  if (is_expert) return "experts";
  if (is_tower_tensor(name)) return "tower";
  if (name.starts_with("token_embd") || name.starts_with("output") ||
      name.starts_with("per_layer_token_embd"))
    return "embeddings";
  if (name.find(".attn_") != std::string_view::npos) return "attention";
  if (name.find(".ffn_") != std::string_view::npos) return "dense ffn";
  return "other";
}

}  // namespace

FileParts file_parts(const OpenModel& model) {
  const auto& tensors = model.file.header().tensors;
  std::vector<bool> is_expert(tensors.size(), false);
  for (const auto* layers : {&model.moe.layers, &model.moe.mtp_layers})
    for (const auto& layer : *layers) {
      for (const auto& slab : layer.experts) is_expert[slab.tensor] = true;
      for (const auto& chunk : layer.chunks) is_expert[chunk.tensor] = true;
    }
  FileParts out;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    out.parts[part_of(tensors[i].name, is_expert[i])] += tensors[i].n_bytes;
    out.types[gguf::traits(tensors[i].type).name] += tensors[i].n_bytes;
  }
  return out;
}

std::uint64_t bytes_at(const OpenModel& model, std::uint32_t n_keep) {
  return model.moe.bytes_at(model.file.header().file_bytes, n_keep);
}

std::vector<std::uint32_t> suggested_counts(const MoeModel& model) {
  std::vector<std::uint32_t> counts;
  const auto possible = possible_counts(grid_of(model));
  for (const double share : {0.75, 0.5, 0.375, 0.25, 0.125}) {
    const auto k = static_cast<std::uint32_t>(model.n_expert * share);
    if (std::ranges::binary_search(possible, k)) counts.push_back(k);
  }
  return counts;
}

}  // namespace coe
