// From routing profiles to a mask: which scores, which passes, and the record of both that the mask
// carries. Apart from mask/ so that masks and surgery need no scoring. Source: docs/method.md,
// section 4.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/build.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/pass.h"
#include "coe/recipe/profiles.h"
#include "coe/routing/stats.h"
#include "coe/score/score.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coe {

// Profiles and score tables are named by content_digest throughout.

struct DomainProfile {
  std::string digest;
  double weight = 0.0;  // of its table in a blend; 0 for all: the profiles are added up instead
  bool operator==(const DomainProfile&) const = default;
};

// Pass 2.
struct WhitelistPass {
  WhitelistRule rule;
  std::vector<std::string> profiles;
  bool operator==(const WhitelistPass&) const = default;
};

// Pass 3, or one protected profile of pass 6.
struct ArbitragePass {
  ArbitrageRule rule;
  std::string profile;
  std::vector<std::string> domains;  // as select_domains takes them; empty: all
  Score score = Score::kUtil;        // summed over tokens of these sub-domains
  std::string t06;  // the same text at another router temperature, to filter by; empty: none
  bool operator==(const ArbitragePass&) const = default;
};

// Pass 4: of both profiles the sub-domains `*/closing`.
struct ClosurePass {
  ClosureRule rule;
  std::string one;
  std::string two;
  bool operator==(const ClosurePass&) const = default;
};

// Pass 5.
struct StructuralPass {
  std::uint32_t cap = 3;  // swaps a layer
  std::vector<LayerExpert> experts;
  bool operator==(const StructuralPass&) const = default;
};

// All that decides a mask. Pass 1 is always there, the others in the order of the members. Where
// order has no meaning it is taken out: profiles of pass 1, whitelist and closure stand by digest,
// protected profiles by digest and then by their other members, sub-domains by name.
struct MaskRecipe {
  ScoreOptions score;  // of pass 1; n_keep of it is ignored
  // A score table that pass 1 goes by instead (recon); empty: none. Coverage stays that of `score`,
  // for the values of a table need not add up to anything.
  std::string table;
  std::uint32_t n_keep = 0;
  std::vector<DomainProfile> profiles;
  std::vector<LayerExpert> exempt;  // never evicted, if pass 1 keeps them
  std::optional<WhitelistPass> whitelist;
  std::optional<ArbitragePass> cot;
  std::optional<ClosurePass> closure;
  std::optional<StructuralPass> structural;
  std::vector<ArbitragePass> protect;
};

// What one pass did, for people; the mask's `passes` say the same.
struct PassReport {
  std::string pass;                   // "whitelist", "cot", "closure", "structural" or "protect"
  std::vector<std::string> profiles;  // profile_label of each; MaskSwap::profile counts them
  PassLog log;
};

struct BuiltMask {
  KeepMask mask;
  std::string domain;        // profile_label of pass 1
  Coverage domain_coverage;  // of the recipe's score, after pass 1
  Coverage coverage;         // and after the last
  std::vector<PassReport> passes;
};

// Refuses K below the experts used per token, or not below the number there are (kInvalidArgument):
// worth asking before long work.
Status check_keep_count(std::uint32_t n_keep, std::uint32_t n_expert, std::uint32_t n_expert_used);

// The same profiles and recipe give the same mask, whatever order sub-domains and profiles came
// in, and the mask's passes hold all of the recipe. `maxmin` looks for its weights with the
// recipe's K; the mask tells them. Errors: kNotFound when a profile or table of the recipe is not
// among `profiles`; kMismatch when they are of different models, layers, or experts used per token,
// or the T06 profile is of the same temperature as its companion; kInvalidArgument when closure is
// to come from one corpus twice, and for weights that are given for some profiles only; those of
// check_keep_count, compute_score and MaskBuilder.
Result<BuiltMask> build_mask(const ProfileSet& profiles, const MaskRecipe& recipe);
// With `stats` as the only profile; a recipe that names no profile for pass 1 means it.
Result<BuiltMask> build_mask(const RoutingStats& stats, const MaskRecipe& recipe);

// What pass 1 goes by: the name of the score, or of the table's. `recipe.table` must be known.
std::string pass_1_score(const ProfileSet& profiles, const MaskRecipe& recipe);

// The recipe that a mask carries. Errors: kInvalidArgument when it carries none that is complete
// (plain masks, masks of coe before it wrote digests of profiles); kUnsupported for a pass of an
// unknown kind; kCorrupt for one that cannot be read.
Result<MaskRecipe> recipe_of(const KeepMask& mask);

}  // namespace coe
