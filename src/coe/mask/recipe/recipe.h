// From routing profiles to a mask: which scores, which passes, and the record of both that the mask
// carries. Apart from mask/ so that masks and surgery need no scoring. Source: docs/method.md,
// section 4.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/build.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/pass.h"
#include "coe/mask/recipe/never_chosen.h"
#include "coe/mask/recipe/pass.h"
#include "coe/mask/recipe/profiles.h"
#include "coe/mask/score/score.h"
#include "coe/profile/routing/stats.h"

#include <cstdint>
#include <string>
#include <vector>

namespace coe {

// Profiles and score tables are named by content_digest throughout.

struct DomainProfile {
  std::string digest;
  double weight = 0.0;  // of its table in a blend; 0 for all: the profiles are added up instead
  bool operator==(const DomainProfile&) const = default;
};

// All that decides a mask. Pass 1 is always there and described by the members; `passes` are the
// others, which are made in the order of Pass, whatever their order here. Where order has no
// meaning it is taken out: profiles of pass 1, whitelist and closure stand by digest, protected
// profiles by digest and then by their other members, sub-domains by name.
struct MaskRecipe {
  ScoreOptions score;  // of pass 1; n_keep of it is ignored
  // A score table that pass 1 goes by instead (recon); empty: none. Coverage stays that of `score`,
  // for the values of a table need not add up to anything.
  std::string table;
  std::uint32_t n_keep = 0;
  std::vector<DomainProfile> profiles;
  std::vector<Pass> passes;
};

// This is what one pass did; the mask's `passes` say the same as JSON.
struct PassReport {
  Pass pass;
  std::vector<std::string> profiles;  // profile_label of each
  std::vector<std::string> lists;     // what MaskSwap::list counts; empty: the profiles
  PassLog log;
};

struct BuiltMask {
  KeepMask mask;
  std::string domain;              // profile_label of pass 1
  Coverage domain_coverage;        // of the recipe's score, after pass 1
  Coverage coverage;               // and after the last
  std::vector<PassReport> passes;  // those that can change it, as they were made
  NeverChosen never_chosen;
};

// Refuses K below the experts used per token, or not below the number there are (kInvalidArgument):
// worth asking before long work.
Status check_keep_count(std::uint32_t n_keep, std::uint32_t n_expert, std::uint32_t n_expert_used);

// The same profiles and recipe give the same mask, whatever order sub-domains and profiles came in,
// and the mask's passes hold all of the recipe. `maxmin` looks for its weights with the recipe's K;
// the mask tells them. Errors: kNotFound when a profile or table of the recipe is not among
// `profiles`; kMismatch when they are of different models, layers, or experts used per token, or
// the profile at the other router temperature is of the same temperature as its companion;
// kInvalidArgument when closure is to come from one corpus twice, a pass that does not repeat is
// there twice, and for weights that are given for some profiles only; those of check_keep_count,
// compute_score and MaskBuilder.
Result<BuiltMask> build_mask(const ProfileSet& profiles, const MaskRecipe& recipe);
// With `stats` as the only profile; a recipe that names no profile for pass 1 means it.
Result<BuiltMask> build_mask(const RoutingStats& stats, const MaskRecipe& recipe);

// Pass 1 goes by this score: the recipe's, or its table's. `recipe.table` must be known.
std::string pass_1_score(const ProfileSet& profiles, const MaskRecipe& recipe);

// The recipe that a mask carries. Errors: kInvalidArgument when it carries none that is complete
// (plain masks, masks of coe before it wrote digests of profiles); kUnsupported for a pass of an
// unknown kind; kCorrupt for one that cannot be read.
Result<MaskRecipe> recipe_of(const KeepMask& mask);

}  // namespace coe
