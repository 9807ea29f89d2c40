// Passes 3 and 6: the best experts of other text, of reasoning (CoT) or of what must survive, take
// the place of the domain's least.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/builder.h"
#include "coe/mask/pass.h"
#include "coe/mask/recipe/pass_json.h"
#include "coe/mask/recipe/pass_result.h"
#include "coe/mask/recipe/sources.h"
#include "coe/mask/score/score.h"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

struct ArbitrageRule {
  std::uint32_t cap = 3;   // swaps a layer
  std::uint32_t skip = 0;  // candidates a layer that are passed over first
  auto operator<=>(const ArbitrageRule&) const = default;
};

// Candidates are the experts outside the mask that `other` chose at all, by its score; the first
// `skip` of a layer are passed over. The i-th candidate of a group is paired with the i-th
// evictable expert of the group. They are exchanged if the candidate's ordinal is lower, or equal
// and the candidate's average rank (in `other`) is lower than that of the evictable one (in the
// domain's); else the group (without groups: the layer) is done.
//
// With `other_temperature`, the same text's routing weighed at another router temperature, a swap
// is kept only if the pass made with that profile brings in the same expert and its ordinal there
// holds against the evicted one, too. What drops out is not replaced. Errors: kInvalidArgument for
// scores that are not finite.
Result<PassLog> arbitrate(MaskBuilder& mask, const PassProfile& other, const ArbitrageRule& rule,
                          const PassProfile* other_temperature = nullptr);

// Both passes are this, under a name of their own in JSON.
struct ArbitragePass {
  ArbitrageRule rule;
  std::string profile;
  std::vector<std::string> domains;  // as select_domains takes them; empty: all
  Score score = Score::kUtil;        // summed over tokens of these sub-domains
  std::string t06;  // the same text at another router temperature, to filter by; empty: none

  void sort();
  Result<PassResult> run(PassSources& sources, MaskBuilder& mask) const;
  PassJson arbitrage_json(std::string_view name, const ProfileSet& profiles,
                          const PassLog& log) const;
  static Result<ArbitragePass> read_arbitrage(const PassJson& json);
  // By profile and cap before the rest, so that several protected profiles have one order.
  std::strong_ordering operator<=>(const ArbitragePass& other) const;
  bool operator==(const ArbitragePass&) const = default;
};

struct CotPass : ArbitragePass {
  static constexpr std::string_view kName = "cot";
  static constexpr bool kRepeats = false;
  static constexpr bool kSwaps = true;

  PassJson json(const ProfileSet& profiles, const PassLog& log) const;
  static Result<CotPass> read(const PassJson& json);
  PassWords words(const MaskSwap& swap) const;
  auto operator<=>(const CotPass&) const = default;
};

// One protected profile.
struct ProtectPass : ArbitragePass {
  static constexpr std::string_view kName = "protect";
  static constexpr bool kRepeats = true;
  static constexpr bool kSwaps = true;

  PassJson json(const ProfileSet& profiles, const PassLog& log) const;
  static Result<ProtectPass> read(const PassJson& json);
  PassWords words(const MaskSwap& swap) const;
  auto operator<=>(const ProtectPass&) const = default;
};

}  // namespace coe
