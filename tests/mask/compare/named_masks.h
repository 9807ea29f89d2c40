// Masks for tests of comparisons.
#pragma once

#include "coe/mask/compare/overlap.h"
#include "coe/mask/keep_mask.h"
#include "coe/model/moe/ids.h"

#include "support/expect.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace coe::testing {

using LayerIds = std::map<std::uint32_t, std::vector<std::uint32_t>>;

inline NamedMask named_mask(std::string name, std::uint32_t n_expert, const LayerIds& layers) {
  std::map<LayerId, std::vector<ExpertId>> strong;
  for (const auto& [layer, ids] : layers)
    for (const auto id : ids) strong[LayerId{layer}].push_back(ExpertId{id});
  return {std::move(name), value_of(KeepMask::create(n_expert, std::move(strong)))};
}

}  // namespace coe::testing
