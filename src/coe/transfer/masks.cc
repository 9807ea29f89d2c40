#include "coe/transfer/masks.h"

#include "coe/mask/build.h"
#include "coe/moe/ids.h"
#include "coe/score/score.h"

#include <fmt/format.h>

#include <set>
#include <utility>

namespace coe {

Result<std::vector<TransferMask>> domain_masks(const ProfileSet& profiles, const MaskRecipe& recipe,
                                               std::uint32_t n_keep) {
  std::set<std::string> names;
  for (const auto& profile : profiles.all())
    for (const auto& domain : profile.stats->domains) names.insert(domain.name);
  std::vector<TransferMask> masks;
  for (const auto& name : names) {
    MaskRecipe own = recipe;
    own.n_keep = n_keep;
    own.profiles.clear();
    for (const auto& profile : profiles.all())
      if (profile.stats->find_domain(name) != nullptr)
        own.profiles.push_back({profile.digest, 0.0});
    own.score.weights = {{name, 1.0}};
    auto built = build_mask(profiles, own);
    if (!built) return tl::unexpected(std::move(built).error().context(name));
    masks.push_back({name, false, std::move(built->mask)});
  }
  return masks;
}

Result<TransferMask> random_transfer_mask(const MoeModel& model, std::uint32_t n_keep,
                                          std::uint64_t seed) {
  COE_TRY_STATUS(check_keep_count(n_keep, model.n_expert, model.n_expert_used));
  std::vector<LayerId> layers;
  layers.reserve(model.layers.size());
  for (const auto& layer : model.layers) layers.push_back(layer.id);
  COE_TRY(auto mask, top_k_mask(random_scores(layers.size(), model.n_expert, seed), layers, n_keep,
                                model.n_expert_group, model.n_chunk_expert));
  mask.parent = model.id;
  return TransferMask{fmt::format("random-{}", seed), true, std::move(mask)};
}

}  // namespace coe
