// Pass 4, closure: experts that fire where thinking ends, in two profiles of different text.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/builder.h"
#include "coe/mask/pass.h"
#include "coe/mask/recipe/pass_json.h"
#include "coe/mask/recipe/pass_result.h"
#include "coe/mask/recipe/sources.h"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace coe {

// An expert fires if it was chosen more often than `lift` times what each would be if all were
// chosen alike (the mean over the experts of the layer); 0: if it was chosen at all.
struct ClosureRule {
  std::uint32_t cap = 3;  // swaps a layer
  double lift = 1.0;
  auto operator<=>(const ClosureRule&) const = default;
};

// Experts that fire in both profiles come in by the smaller of the shares that they have of the
// layer's choices; that share and its position are score and ordinal of the log, the higher of the
// two average ranks is its rank. Stops in a group where nothing may be evicted.
Result<PassLog> bring_in_closure(MaskBuilder& mask, const PassProfile& one, const PassProfile& two,
                                 const ClosureRule& rule);

// The pass looks at the sub-domains `*/closing` of both profiles.
struct ClosurePass {
  static constexpr std::string_view kName = "closure";
  static constexpr bool kRepeats = false;
  static constexpr bool kSwaps = true;

  ClosureRule rule;
  std::string one;
  std::string two;

  void sort();
  Result<PassResult> run(PassSources& sources, MaskBuilder& mask) const;
  PassJson json(const ProfileSet& profiles, const PassLog& log) const;
  static Result<ClosurePass> read(const PassJson& json);
  PassWords words(const MaskSwap& swap) const;
  auto operator<=>(const ClosurePass&) const = default;
};

}  // namespace coe
