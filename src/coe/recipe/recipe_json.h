// The passes of a mask as JSON (docs/formats/keep-mask.md): all that decides it, and what it did.
#pragma once

#include "coe/mask/build.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/pass.h"
#include "coe/recipe/profiles.h"
#include "coe/recipe/recipe.h"

#include <string>
#include <utility>
#include <vector>

namespace coe {

// A profile of pass 1 and, with `maxmin`, the weights of its sub-domains that were found.
struct DomainUse {
  const NamedProfile* profile = nullptr;
  double weight = 0.0;
  std::vector<std::pair<std::string, double>> maxmin;
};
MaskPass domain_pass(const MaskRecipe& recipe, const ProfileSet& profiles,
                     const std::vector<DomainUse>& used, const Coverage& coverage);
MaskPass exempt_pass(const MaskRecipe& recipe);
MaskPass whitelist_pass(const WhitelistPass& pass, const ProfileSet& profiles, const PassLog& log);
// `kind`: "cot" or "protect".
MaskPass arbitrage_pass(const std::string& kind, const ArbitragePass& pass,
                        const ProfileSet& profiles, const PassLog& log);
MaskPass closure_pass(const ClosurePass& pass, const ProfileSet& profiles, const PassLog& log);
MaskPass structural_pass(const StructuralPass& pass, const PassLog& log);

}  // namespace coe
