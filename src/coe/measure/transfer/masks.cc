#include "coe/measure/transfer/masks.h"

#include "coe/mask/recipe/random_mask.h"

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
  COE_TRY(auto mask, random_mask(model, n_keep, seed));
  return TransferMask{fmt::format("random-{}", seed), true, std::move(mask)};
}

}  // namespace coe
