// The passes of a mask after the top K, each a change of the same state. Inputs: score tables.
// Knows nothing of profiles on disk, of recipes, or of what a score means. Source: docs/method.md,
// section 4.
//
// What holds in every pass:
//  - K experts a layer, K/n_group in each group: an expert is only ever exchanged for one of its
//    group. Where n_chunk_expert > 1 chunks stand for experts: they are exchanged whole, score by
//    their sum, have the average rank (and so the tier) of their best-ranked expert, and are
//    whitelisted, fire or are named as soon as one of their experts does or is. Caps and ordinals
//    count chunks.
//  - Evicted first: tier 1 before 2 before 3 (tiers by the domain's average rank), within a tier
//    the lowest domain score, ties to the lower id. Never evicted after pass 2: tier 4, the
//    whitelist, exempt experts, and what any earlier pass asked for and has in the mask (experts
//    that it brought in, closure experts, named ones), so that no pass undoes another.
//  - A cap of 0 changes nothing and protects nothing.
//  - The result does not depend on the order of rows.
//  - After an error of a pass the builder is not to be used.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/pass.h"
#include "coe/moe/expert_table.h"
#include "coe/moe/ids.h"
#include "coe/moe/top_k.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace coe {

class MaskBuilder {
 public:
  // Pass 1, top_k_mask() of the domain's score. `layers[i]` names row i of every table. Of `domain`
  // only score and avg_rank are used. Errors: those of top_k_mask.
  static Result<MaskBuilder> create(PassProfile domain, std::vector<LayerId> layers,
                                    const KeepRule& rule);

  // Coverage is told by this table instead of the domain's score. To be called before the passes.
  void measure_by(ExpertTable<double> table) { measure_ = std::move(table); }

  // Experts that no pass may evict, if the mask has them so far. To be called before the passes.
  // Errors: kInvalidArgument for an expert that the model does not have or that is named twice.
  Status exempt(std::span<const LayerExpert> experts);

  // Pass 2. The place of a whitelisted expert is that of the lowest-scored one that is neither
  // whitelisted nor exempt; what remains is the top by score (so here, ties evict the higher id).
  // Errors: kInvalidArgument, naming layer and experts, when they are more than places.
  Result<PassLog> whitelist(std::span<const PassProfile> profiles, const WhitelistRule& rule);

  // Passes 3 and 6: candidates are the experts outside the mask that `other` chose at all, by its
  // score; the first `skip` of a layer are passed over. The i-th candidate of a group is paired
  // with the i-th evictable expert of the group. They are exchanged if the candidate's ordinal is
  // lower, or equal and the candidate's average rank (in `other`) is lower than that of the
  // evictable one (in the domain's); else the group (without groups: the layer) is done.
  //
  // With `other_temperature`, the same text's routing weighed at another router temperature, a swap
  // is kept only if the pass made with that profile brings in the same expert and its ordinal
  // there holds against the evicted one, too. What drops out is not replaced. Errors:
  // kInvalidArgument for scores that are not finite.
  Result<PassLog> arbitrate(const PassProfile& other, const ArbitrageRule& rule,
                            const PassProfile* other_temperature = nullptr);

  // Pass 4: experts that fire in both profiles, by the smaller of the shares that they have of
  // the layer's choices; that share and its position are score and ordinal of the log, the higher
  // of the two average ranks is its rank. Stops in a group where nothing may be evicted.
  Result<PassLog> close(const PassProfile& one, const PassProfile& two, const ClosureRule& rule);

  // Pass 5: experts in the order given, at most `cap` exchanged in a layer. Errors: as exempt().
  Result<PassLog> inject(std::span<const LayerExpert> experts, std::uint32_t cap);

  KeepMask mask() const;
  Coverage covered() const;  // by the domain's score, or what measure_by gave

 private:
  // A profile's tables by unit: a chunk, or an expert where each stands alone.
  struct Units {
    ExpertTable<double> score;
    ExpertTable<double> avg_rank;
    ExpertTable<std::int64_t> n_chosen;
    ExpertTable<std::uint32_t> ordinal;  // empty until ranked
  };
  // For each group of a row, the units that may go, the next to go last.
  using Pools = std::vector<std::vector<std::uint32_t>>;
  // Per row, units that a pass asks for, in its order.
  using Wanted = std::vector<std::vector<std::uint32_t>>;

  MaskBuilder() = default;
  Result<Units> units_of(const PassProfile& profile) const;
  Result<Units> ranked_units_of(const PassProfile& profile) const;
  void rank_units(Units& units) const;  // fills in `ordinal`
  Status check_experts(std::span<const LayerExpert> experts) const;
  Result<Wanted> rows_of(std::span<const LayerExpert> experts) const;
  std::size_t group_of(std::uint32_t unit) const { return unit / group_size_; }
  Pools evictable(std::size_t row, std::size_t n) const;  // at most n in a group
  MaskSwap describe(std::size_t row, std::uint32_t in, std::uint32_t out, const Units& other) const;
  void apply(std::size_t row, const MaskSwap& swap);
  struct Whitelisted;
  Whitelisted find_whitelisted(std::size_t row, std::span<const PassProfile> profiles,
                               const WhitelistRule& rule) const;
  Status rescue(std::size_t row, std::size_t group, const Whitelisted& listed,
                const std::vector<Units>& profiles, PassLog& log);
  Error overflow(std::size_t row, std::size_t group, const Whitelisted& listed,
                 std::size_t n_exempt) const;
  std::vector<MaskSwap> plan_arbitrage(std::size_t row, const Units& other,
                                       const ArbitrageRule& rule) const;
  bool outranks(std::size_t row, const MaskSwap& swap, const Units& other) const;
  void place(std::size_t row, const std::vector<std::uint32_t>& wanted, std::uint32_t cap,
             const Units* other, PassLog& log);
  void finish(PassLog& log) const;

  std::vector<LayerId> layers_;
  KeepRule rule_;
  std::uint32_t n_unit_ = 0;      // of a layer
  std::uint32_t group_size_ = 0;  // in units
  ExpertTable<double> measure_;   // what coverage is told by; by expert
  Units domain_;
  ExpertTable<std::uint8_t> kept_;  // by unit
  ExpertTable<std::uint8_t> safe_;  // by unit
};

}  // namespace coe
