#include "coe/mask/score/choices.h"

#include "coe/base/result.h"
#include "coe/model/moe/expert_table.h"
#include "coe/profile/routing/stats.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace coe {

ChoiceCounts count_choices(const RoutingStats& stats, std::span<const std::string> domains) {
  const auto& shape = stats.shape;
  const ExpertTable<std::int64_t> zero(shape.n_layer(), shape.n_expert);
  ChoiceCounts counts{zero, zero, zero, 0};
  for (const auto& domain : stats.domains) {
    if (std::ranges::find(domains, domain.name) == domains.end()) continue;
    counts.n_tokens += domain.n_tokens;
    const std::int64_t* at = domain.histograms.data();
    for (std::size_t i = 0; i < shape.n_flat(); ++i, at += shape.n_expert_used) {
      counts.n_first.values()[i] += at[0];
      for (std::uint32_t k = 0; k < shape.n_expert_used; ++k) {
        counts.n_chosen.values()[i] += at[k];
        counts.rank_sum.values()[i] += std::int64_t{k} * at[k];
      }
    }
  }
  return counts;
}

ExpertTable<double> average_rank(const ChoiceCounts& counts, std::uint32_t n_expert_used) {
  ExpertTable<double> table(counts.n_chosen.n_layer(), counts.n_chosen.n_expert());
  for (std::size_t i = 0; i < table.values().size(); ++i) {
    const std::int64_t n = counts.n_chosen.values()[i];
    table.values()[i] =
        n > 0 ? static_cast<double>(counts.rank_sum.values()[i]) / static_cast<double>(n)
              : static_cast<double>(n_expert_used);
  }
  return table;
}

ExpertTable<double> average_rank(std::span<const ChoiceCounts> counts,
                                 std::span<const double> weights, std::uint32_t n_expert_used) {
  COE_CHECK(!counts.empty() && counts.size() == weights.size());
  if (counts.size() == 1) return average_rank(counts.front(), n_expert_used);
  const auto& first = counts.front().n_chosen;
  ExpertTable<double> table(first.n_layer(), first.n_expert());
  for (std::size_t i = 0; i < table.values().size(); ++i) {
    double n_chosen = 0.0;
    double rank_sum = 0.0;
    for (std::size_t p = 0; p < counts.size(); ++p) {
      COE_CHECK(counts[p].n_tokens > 0);
      const double weight = weights[p] / static_cast<double>(counts[p].n_tokens);
      n_chosen += weight * static_cast<double>(counts[p].n_chosen.values()[i]);
      rank_sum += weight * static_cast<double>(counts[p].rank_sum.values()[i]);
    }
    table.values()[i] = n_chosen > 0.0 ? rank_sum / n_chosen : static_cast<double>(n_expert_used);
  }
  return table;
}

}  // namespace coe
