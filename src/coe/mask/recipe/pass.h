// All passes after the first. Each is one type in one file of passes/, with its rule on tables
// (a free function of a MaskBuilder), its JSON form and its words. Such a type P has
//   kName, kRepeats, kSwaps       its name in JSON; whether a recipe may have it more than once;
//                                 whether it can change the mask
//   sort()                        takes out order that has no meaning
//   run(sources, mask)            does the pass; sources make tables of the profiles it names
//   json(profiles, log)           what the mask file says of it and of what it did
//   P::read(json)                 the way back
//   words(swap)                   why a swap was made
//   <=>                           one order for several of the kind
// docs/decisions/0006-a-pass-in-one-place.md says why they are here and what a new one takes.
#pragma once

#include "coe/mask/pass.h"
#include "coe/mask/recipe/pass_result.h"
#include "coe/mask/recipe/passes/arbitrage.h"
#include "coe/mask/recipe/passes/closure.h"
#include "coe/mask/recipe/passes/exempt.h"
#include "coe/mask/recipe/passes/structural.h"
#include "coe/mask/recipe/passes/whitelist.h"
#include "coe/mask/score/score.h"

#include <string_view>
#include <type_traits>
#include <variant>

namespace coe {

// In the order in which they are made.
using Pass =
    std::variant<ExemptPass, WhitelistPass, CotPass, ClosurePass, StructuralPass, ProtectPass>;

inline std::string_view pass_name(const Pass& pass) {
  return std::visit([](const auto& p) { return p.kName; }, pass);
}

inline PassWords pass_words(const Pass& pass, const MaskSwap& swap) {
  return std::visit([&](const auto& p) { return p.words(swap); }, pass);
}

// Makes a pass that goes by the score `from`, that of the domain so far, go by `to` from now on.
inline void follow_score(Pass& pass, Score from, Score to) {
  std::visit(
      [&]<class P>(P& p) {
        if constexpr (std::is_base_of_v<ArbitragePass, P>) {
          if (p.score == from) p.score = to;
        }
      },
      pass);
}

}  // namespace coe
