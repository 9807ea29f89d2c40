// A mask while passes rearrange it, and the steps that passes are made of. Inputs: score tables.
// Knows nothing of profiles on disk, of recipes, or of the passes themselves (mask/recipe/passes/).
// Source: docs/method.md, section 4.
//
// These rules hold in every pass:
//  - K experts a layer, K/n_group in each group: an expert is only ever exchanged for one of its
//    group. Where n_chunk_expert > 1 chunks stand for experts ("units"): they are exchanged whole,
//    score by their sum, have the average rank (and so the tier) of their best-ranked expert, and
//    are whitelisted, fire or are named as soon as one of their experts does or is. Caps and
//    ordinals count units.
//  - Evicted first: tier 1 before 2 before 3 (tiers by the domain's average rank), within a tier
//    the lowest domain score, ties to the lower id. Never evicted: tier 4 and safe units. Safe are
//    the whitelist, exempt experts, and what any earlier pass asked for and has in the mask
//    (experts that it brought in, closure experts, named ones), so that no pass undoes another.
//  - A cap of 0 changes nothing and protects nothing.
//  - The result does not depend on the order of rows.
//  - After an error of a pass the builder is not to be used.
#pragma once

#include "coe/base/result.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/pass.h"
#include "coe/model/moe/expert_table.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/top_k.h"

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

  KeepMask mask() const;
  Coverage covered() const;  // by the domain's score, or what measure_by gave

  // --- what passes see and do; `row` is a row of the tables

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

  std::size_t n_row() const { return layers_.size(); }
  LayerId layer(std::size_t row) const { return layers_[row]; }
  const KeepRule& rule() const { return rule_; }
  std::uint32_t n_expert() const { return n_unit_ * rule_.n_chunk_expert; }
  std::uint32_t n_unit() const { return n_unit_; }          // of a layer
  std::uint32_t group_size() const { return group_size_; }  // in units
  std::uint32_t n_group() const { return n_unit_ / group_size_; }
  std::size_t group_of(std::uint32_t unit) const { return unit / group_size_; }
  std::uint32_t unit_of(ExpertId expert) const { return expert.value / rule_.n_chunk_expert; }
  const Units& domain() const { return domain_; }

  bool keeps(std::size_t row, std::uint32_t unit) const { return kept_.at(row, unit) != 0; }
  bool is_safe(std::size_t row, std::uint32_t unit) const { return safe_.at(row, unit) != 0; }
  void make_safe(std::size_t row, std::uint32_t unit) { safe_.at(row, unit) = 1; }

  // Errors: kMismatch for tables of another shape, kInvalidArgument for scores that are not finite.
  Result<Units> units_of(const PassProfile& profile) const;
  Result<Units> ranked_units_of(const PassProfile& profile) const;
  void rank_units(Units& units) const;  // fills in `ordinal`
  // Errors: kInvalidArgument for an expert that the model does not have or that is named twice.
  Result<Wanted> rows_of(std::span<const LayerExpert> experts) const;

  Pools evictable(std::size_t row, std::size_t n) const;  // at most n in a group
  // Both ends of an exchange in the words of the log.
  MaskSwap describe(std::size_t row, std::uint32_t in, std::uint32_t out, const Units& other) const;
  // Makes it; the incoming unit is safe from now on.
  void exchange(std::size_t row, const MaskSwap& swap);
  // Brings the wanted units of a row in, in their order, at most `cap` of them; those that the mask
  // has are made safe. `other`: where their scores are from, null for none.
  void bring_in(std::size_t row, const std::vector<std::uint32_t>& wanted, std::uint32_t cap,
                const Units* other, PassLog& log);

  PassLog begin_log() const;            // of a pass that has done nothing so far
  void finish_log(PassLog& log) const;  // sorts it and measures

 private:
  MaskBuilder() = default;
  Status check_experts(std::span<const LayerExpert> experts) const;

  std::vector<LayerId> layers_;
  KeepRule rule_;
  std::uint32_t n_unit_ = 0;
  std::uint32_t group_size_ = 0;
  ExpertTable<double> measure_;  // what coverage is told by; by expert
  Units domain_;
  ExpertTable<std::uint8_t> kept_;  // by unit
  ExpertTable<std::uint8_t> safe_;  // by unit
};

}  // namespace coe
