// The data that passes of a mask take and report; the passes are in recipe/. Source:
// docs/method.md, section 4. Tables come from outside, so that masks need no scoring.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/build.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/ids.h"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// One expert of the model.
struct LayerExpert {
  LayerId layer;
  ExpertId expert;
  auto operator<=>(const LayerExpert&) const = default;
};

// Reads `[[layer, expert], …]`, the form of lists that users give. Errors: kCorrupt, naming the
// item.
Result<std::vector<LayerExpert>> parse_layer_experts(std::string_view json, std::string_view name);

// A profile as the passes see it. Shapes: each [n_layer, n_expert].
struct PassProfile {
  std::string name;  // in messages
  ExpertTable<double> score;
  ExpertTable<double> avg_rank;        // R where never chosen
  ExpertTable<std::int64_t> n_first;   // times chosen at rank 0
  ExpertTable<std::int64_t> n_chosen;  // times chosen at any rank
};

// 4 (near-primary) below an average rank of 2, 3 below 4, 2 below 6, else 1 (filler).
std::uint32_t tier_of(double avg_rank);

// One exchange. Where chunks of experts live together, `in` and `out` are the first of their
// chunks, scores are sums, and the average rank is the lowest in the chunk. Ordinals are 1-based
// positions among all experts (chunks) of the layer by score, ties to the lower id: of `in` by the
// other profile's scores (0: the pass has none), of `out` by the scores of pass 1. They never
// change, whatever earlier passes did.
struct MaskSwap {
  LayerId layer;
  ExpertId in;
  ExpertId out;
  std::uint32_t in_ordinal = 0;
  std::uint32_t out_ordinal = 0;
  double in_score = 0.0;
  double out_score = 0.0;
  double in_avg_rank = 0.0;   // in the other profile; in the domain's where the pass has none
  double out_avg_rank = 0.0;  // in the domain's
  std::uint32_t in_tier = 0;
  std::uint32_t out_tier = 0;
  std::uint32_t list = 0;  // which of the pass's profiles, or of their sub-domains, named `in`
  bool operator==(const MaskSwap&) const = default;
};

// A pass did this, told in ascending order of layers, within a layer in the order it was done.
struct PassLog {
  std::vector<MaskSwap> swaps;
  std::vector<MaskSwap> dropped;      // by the second router temperature
  std::size_t n_listed = 0;           // experts (chunks) that the pass asks for, kept before or not
  std::vector<LayerExpert> left_out;  // of those, the ones without a place after it
  Coverage before;                    // by the domain's score
  Coverage after;
};

}  // namespace coe
