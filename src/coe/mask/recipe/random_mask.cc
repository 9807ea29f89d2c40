#include "coe/mask/recipe/random_mask.h"

#include "coe/mask/build.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/mask/score/score.h"
#include "coe/model/moe/ids.h"

#include <vector>

namespace coe {

Result<KeepMask> random_mask(const MoeModel& model, std::uint32_t n_keep, std::uint64_t seed) {
  COE_TRY_STATUS(check_keep_count(n_keep, model.n_expert, model.n_expert_used));
  std::vector<LayerId> layers;
  layers.reserve(model.layers.size());
  for (const auto& layer : model.layers) layers.push_back(layer.id);
  COE_TRY(auto mask, top_k_mask(random_scores(layers.size(), model.n_expert, seed), layers, n_keep,
                                model.n_expert_group, model.n_chunk_expert));
  mask.parent = model.id;
  return mask;
}

}  // namespace coe
