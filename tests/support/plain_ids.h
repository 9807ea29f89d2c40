// Kept experts as bare numbers, as tests spell them.
#pragma once

#include "coe/model/moe/ids.h"
#include "coe/model/moe/kept_experts.h"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace coe::testing {

using PlainIds = std::map<std::uint32_t, std::vector<std::uint32_t>>;

inline std::vector<std::uint32_t> plain_ids(const ExpertSet& set) {
  std::vector<std::uint32_t> out;
  for (const ExpertId id : set) out.push_back(id.value);
  return out;
}

inline PlainIds plain_ids(const KeptExperts& kept) {
  PlainIds out;
  for (const auto& [layer, ids] : kept) out[layer.value] = plain_ids(ids);
  return out;
}

inline KeptExperts kept_experts(const PlainIds& plain) {
  KeptExperts out;
  for (const auto& [layer, numbers] : plain) {
    std::vector<ExpertId> ids;
    for (const auto number : numbers) ids.push_back(ExpertId{number});
    out.emplace(LayerId{layer}, std::move(ids));
  }
  return out;
}

}  // namespace coe::testing
