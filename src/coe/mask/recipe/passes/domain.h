// Pass 1, the domain: the K experts a layer that score highest. It is part of every recipe, so its
// settings are members of MaskRecipe and no Pass.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/build.h"
#include "coe/mask/pass.h"
#include "coe/mask/recipe/pass_json.h"
#include "coe/mask/recipe/profiles.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/mask/recipe/sources.h"
#include "coe/mask/score/choices.h"
#include "coe/model/moe/expert_table.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

inline constexpr std::string_view kDomainPass = "domain";

// A profile of pass 1 and, with `maxmin`, the weights of its sub-domains that were found.
struct DomainUse {
  const NamedProfile* profile = nullptr;
  double weight = 0.0;
  std::vector<std::pair<std::string, double>> maxmin;
};

// Pass 1's tables, and what of each profile went into them.
struct DomainTables {
  PassProfile tables;
  std::vector<DomainUse> used;
  std::vector<Choices> choices;                // of each profile, or of all added up
  std::optional<ExpertTable<double>> measure;  // for coverage, where it is not the score
};
Result<DomainTables> domain_tables(PassSources& sources, const MaskRecipe& recipe);

PassJson domain_json(const MaskRecipe& recipe, const ProfileSet& profiles,
                     const std::vector<DomainUse>& used, const Coverage& coverage);
Status read_domain(const PassJson& json, MaskRecipe& recipe);

}  // namespace coe
