// KeptExperts: which experts of each layer stay. Masks, surgery, verification and engines all take
// this one form.
#pragma once

#include "coe/model/moe/ids.h"

#include <cstddef>
#include <initializer_list>
#include <map>
#include <span>
#include <vector>

namespace coe {

// The experts of one layer: their ids in ascending order, and a bit for each to ask by.
class ExpertSet {
 public:
  ExpertSet() = default;
  // `ids` may come in any order; one that is given twice counts once. Implicit, for the two are the
  // same set.
  ExpertSet(std::vector<ExpertId> ids);  // NOLINT(google-explicit-constructor)
  ExpertSet(std::initializer_list<ExpertId> ids) : ExpertSet(std::vector<ExpertId>(ids)) {}

  bool contains(ExpertId expert) const;
  const std::vector<ExpertId>& ids() const { return ids_; }
  // By id, up to the highest kept one or, where that is above 2^16, up to there.
  const std::vector<bool>& bits() const { return bits_; }
  // Those that are not below `n_expert`.
  std::span<const ExpertId> from(ExpertId n_expert) const;
  // Position of a member among the ids: its number after the others are cut away.
  std::size_t position(ExpertId member) const;

  auto begin() const { return ids_.begin(); }
  auto end() const { return ids_.end(); }
  std::size_t size() const { return ids_.size(); }
  bool empty() const { return ids_.empty(); }
  ExpertId front() const { return ids_.front(); }
  ExpertId back() const { return ids_.back(); }
  ExpertId operator[](std::size_t i) const { return ids_[i]; }
  bool operator==(const ExpertSet& other) const { return ids_ == other.ids_; }

 private:
  std::vector<ExpertId> ids_;
  std::vector<bool> bits_;
};

using KeptExperts = std::map<LayerId, ExpertSet>;

}  // namespace coe
