// Pass 2, the whitelist: experts that lead in a profile are guaranteed a place, whatever they
// score.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/builder.h"
#include "coe/mask/pass.h"
#include "coe/mask/recipe/pass_json.h"
#include "coe/mask/recipe/pass_result.h"
#include "coe/mask/recipe/sources.h"

#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// An expert is guaranteed a place if in ANY sub-domain of the profiles its average rank is at most
// max_avg_rank and it was first at least min_first times, which is what the reference's code does.
// By the words of its card the average rank must be below max_avg_rank, and the expert chosen at
// any rank that often: more experts are guaranteed so, those that are second and never first.
struct WhitelistRule {
  double max_avg_rank = 2.0;
  std::int64_t min_first = 10;
  bool by_card = false;
  auto operator<=>(const WhitelistRule&) const = default;
};

// The place of a whitelisted expert is that of the lowest-scored one that is neither whitelisted
// nor exempt; what remains is the top by score (so here, ties evict the higher id). Errors:
// kInvalidArgument, naming layer and experts, when they are more than places.
Result<PassLog> whitelist(MaskBuilder& mask, std::span<const PassProfile> profiles,
                          const WhitelistRule& rule);

struct WhitelistPass {
  static constexpr std::string_view kName = "whitelist";
  static constexpr bool kRepeats = false;
  static constexpr bool kSwaps = true;

  WhitelistRule rule;
  std::vector<std::string> profiles;

  void sort();
  Result<PassResult> run(PassSources& sources, MaskBuilder& mask) const;
  PassJson json(const ProfileSet& profiles, const PassLog& log) const;
  static Result<WhitelistPass> read(const PassJson& json);
  PassWords words(const MaskSwap& swap) const;
  auto operator<=>(const WhitelistPass&) const = default;
};

}  // namespace coe
