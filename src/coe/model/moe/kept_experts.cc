#include "coe/model/moe/kept_experts.h"

#include "coe/base/result.h"
#include "coe/model/moe/ids.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace coe {

namespace {

// Masks that do not say how many experts there are may name any id. From here on ids have no bit
// and are looked up in the list, so that one number in a file cannot ask for 512 MB.
constexpr std::size_t kMaxBits = std::size_t{1} << 16;

}  // namespace

ExpertSet::ExpertSet(std::vector<ExpertId> ids) : ids_(std::move(ids)) {
  std::ranges::sort(ids_);
  const auto repeated = std::ranges::unique(ids_);
  ids_.erase(repeated.begin(), repeated.end());
  if (ids_.empty()) return;
  bits_.resize(std::min(std::size_t{ids_.back().value} + 1, kMaxBits), false);
  for (const ExpertId id : ids_)
    if (id.value < bits_.size()) bits_[id.value] = true;
}

bool ExpertSet::contains(ExpertId expert) const {
  if (expert.value < bits_.size()) return bits_[expert.value];
  return expert.value >= kMaxBits && std::ranges::binary_search(ids_, expert);
}

std::span<const ExpertId> ExpertSet::from(ExpertId n_expert) const {
  return {std::ranges::lower_bound(ids_, n_expert), ids_.end()};
}

std::size_t ExpertSet::position(ExpertId member) const {
  const auto found = std::ranges::lower_bound(ids_, member);
  COE_CHECK(found != ids_.end() && *found == member);
  return static_cast<std::size_t>(found - ids_.begin());
}

}  // namespace coe
