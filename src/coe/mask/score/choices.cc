#include "coe/mask/score/choices.h"

#include "coe/base/result.h"
#include "coe/mask/score/parts.h"
#include "coe/model/moe/expert_table.h"
#include "coe/profile/routing/stats.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace coe {

namespace {

// h over the sub-domains of a part, times `scale`, is added to both sums.
template <class Number>
void add_ranked(const Part& part, std::vector<Number> DomainStats::* values, double scale,
                const ExpertGrid& shape, Choices& choices) {
  for (const auto* domain : part.domains) {
    const Number* at = (domain->*values).data();
    for (std::size_t i = 0; i < shape.n_flat(); ++i, at += shape.n_expert_used) {
      Number chosen = 0;
      Number ranks = 0;
      for (std::uint32_t k = 0; k < shape.n_expert_used; ++k) {
        chosen += at[k];
        ranks += static_cast<Number>(k) * at[k];
      }
      choices.chosen.values()[i] += scale * static_cast<double>(chosen);
      choices.ranks.values()[i] += scale * static_cast<double>(ranks);
    }
  }
}

void add_counts(const Part& part, const ExpertGrid& shape, Choices& choices) {
  for (const auto* domain : part.domains) {
    const std::int64_t* at = domain->histograms.data();
    for (std::size_t i = 0; i < shape.n_flat(); ++i, at += shape.n_expert_used) {
      choices.n_first.values()[i] += at[0];
      for (std::uint32_t k = 0; k < shape.n_expert_used; ++k) choices.n_chosen.values()[i] += at[k];
    }
  }
}

}  // namespace

Result<Choices> count_choices(const RoutingStats& stats, const ScoreOptions& options) {
  COE_TRY(const auto parts, parts_of(stats, options));
  const auto& shape = stats.shape;
  const ExpertTable<std::int64_t> none(shape.n_layer(), shape.n_expert);
  const ExpertTable<double> zero(shape.n_layer(), shape.n_expert);
  Choices out{.n_chosen = none, .n_first = none, .chosen = zero, .ranks = zero};
  double total = 0.0;
  for (const auto& part : parts) {
    COE_TRY_STATUS(check_has_tokens(part.n_token(), part.name));
    add_counts(part, shape, out);
    out.n_token += part.n_token();
    total += part.weight;
  }
  for (const auto& part : parts) {
    if (options.blend == Blend::kSample) {
      add_ranked(part, &DomainStats::freq_by_sample, 1.0, shape, out);
      out.mass += static_cast<double>(part.n_sample());
    } else if (is_weighted(options.blend) && parts.size() > 1) {
      const double scale = part.weight / total / static_cast<double>(part.n_token());
      add_ranked(part, &DomainStats::histograms, scale, shape, out);
      out.mass = 1.0;
    } else {
      add_ranked(part, &DomainStats::histograms, 1.0, shape, out);
      out.mass += static_cast<double>(part.n_token());
    }
  }
  return out;
}

ExpertTable<double> average_rank(const Choices& choices, std::uint32_t n_expert_used) {
  ExpertTable<double> table(choices.chosen.n_layer(), choices.chosen.n_expert());
  for (std::size_t i = 0; i < table.values().size(); ++i) {
    const double chosen = choices.chosen.values()[i];
    table.values()[i] =
        chosen > 0.0 ? choices.ranks.values()[i] / chosen : static_cast<double>(n_expert_used);
  }
  return table;
}

ExpertTable<double> average_rank(std::span<const Choices> choices, std::span<const double> weights,
                                 std::uint32_t n_expert_used) {
  COE_CHECK(!choices.empty() && choices.size() == weights.size());
  if (choices.size() == 1) return average_rank(choices.front(), n_expert_used);
  Choices blend;
  blend.chosen = {choices.front().chosen.n_layer(), choices.front().chosen.n_expert()};
  blend.ranks = blend.chosen;
  for (std::size_t p = 0; p < choices.size(); ++p) {
    const double scale = weights[p] / choices[p].mass;
    for (std::size_t i = 0; i < blend.chosen.values().size(); ++i) {
      blend.chosen.values()[i] += scale * choices[p].chosen.values()[i];
      blend.ranks.values()[i] += scale * choices[p].ranks.values()[i];
    }
  }
  return average_rank(blend, n_expert_used);
}

}  // namespace coe
