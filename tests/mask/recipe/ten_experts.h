// One layer of ten experts, on which passes are worked out by hand.
//
// Unless a test says otherwise, K = 5 and the domain scores are 10, 9, …, 1 for experts 0 to 9, so
// pass 1 keeps 0 to 4 and expert e has ordinal e + 1. Average ranks put 0 in tier 4, 1 in tier 3,
// 2 in tier 2, 3 and 4 in tier 1: the eviction order is 4, 3, 2, 1.
#pragma once

#include "coe/mask/builder.h"
#include "coe/mask/pass.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/top_k.h"

#include "mask/recipe/pass_support.h"
#include "support/expect.h"
#include "support/plain_ids.h"

#include <cstdint>
#include <vector>

namespace coe::testing {

using Ids = std::vector<std::uint32_t>;
using Pairs = std::vector<std::vector<std::uint32_t>>;

inline const std::vector<double> kScores = {10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
inline const std::vector<double> kRanks = {1, 3, 5, 6, 7, 7, 7, 7, 7, 7};

inline PassProfile domain(const std::vector<double>& score = kScores,
                          const std::vector<double>& ranks = kRanks) {
  return one_layer("web", score, ranks);
}

inline MaskBuilder builder(const PassProfile& profile = domain(), KeepRule rule = {5, 1, 1}) {
  return value_of(MaskBuilder::create(profile, {LayerId{7}}, rule));
}

inline Ids kept(const MaskBuilder& builder) {
  return plain_ids(builder.mask().layers().at(LayerId{7}));
}

// {in, out} of each.
inline Pairs pairs(const std::vector<MaskSwap>& swaps) {
  Pairs out;
  for (const auto& swap : swaps) out.push_back({swap.in.value, swap.out.value});
  return out;
}

// As scores of another profile: expert 9 is 1st, 8 is 2nd, …
inline const std::vector<double> kReversed = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

}  // namespace coe::testing
