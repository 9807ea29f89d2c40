// Passes look at tables, which are made of the profiles that a recipe names by digest.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/pass.h"
#include "coe/mask/recipe/profiles.h"
#include "coe/mask/score/score.h"
#include "coe/profile/routing/stats.h"

#include <string>
#include <string_view>
#include <vector>

namespace coe {

class PassSources {
 public:
  // `profiles` must outlive it. `domain`: the blend of pass 1, which says how the tables of the
  // other passes are made, too: by sample as it is; by sub-domain where it is one of sub-domains
  // and the sub-domains of the pass's own profile have weights; else every token counts the same.
  PassSources(const ProfileSet& profiles, Blend domain) : profiles_(profiles), blend_(domain) {}

  const ProfileSet& profiles() const { return profiles_; }
  // The first profile that was resolved, which all others must be like; null before.
  const RoutingStats* reference() const { return reference_; }

  // Errors: kNotFound when the set has no such profile, kMismatch when it is of another model, or
  // of other layers or experts, than the first.
  Result<const NamedProfile*> resolve(std::string_view digest);
  // Tables of the named sub-domains, as select_domains takes them. Errors: those of resolve,
  // select_domains and compute_score; kInvalidArgument for the score `random`.
  Result<PassProfile> tables(std::string_view digest, Score score,
                             const std::vector<std::string>& patterns);
  // A table for each sub-domain, in the profile's order; roles of one are together. Named
  // "SUB-DOMAIN". Errors: those of `tables`.
  Result<std::vector<PassProfile>> tables_by_domain(std::string_view digest, Score score);
  // For a digest that was resolved.
  const RoutingStats& stats(std::string_view digest) const {
    return *profiles_.find(digest)->stats;
  }
  std::string label(std::string_view digest) const { return profile_label(stats(digest)); }

 private:
  static Result<PassProfile> make(const NamedProfile& profile, const ScoreOptions& options);

  const ProfileSet& profiles_;
  Blend blend_;
  const RoutingStats* reference_ = nullptr;
};

}  // namespace coe
