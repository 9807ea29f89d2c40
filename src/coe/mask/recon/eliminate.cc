#include "coe/mask/recon/eliminate.h"

#include "coe/base/result.h"
#include "coe/mask/recon/token_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace coe {
namespace {

bool all_finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

Status check_ids(const LayerCandidates& layer) {
  const std::size_t m = layer.n_candidate;
  std::vector<std::size_t> seen(layer.n_expert, 0);
  for (std::size_t t = 0; t < layer.n_token(); ++t)
    for (const auto id : std::span(layer.ids).subspan(t * m, m)) {
      if (id >= layer.n_expert)
        return fail(Code::kCorrupt, fmt::format("token {}: candidate {} of a layer of {} experts",
                                                t, id, layer.n_expert));
      if (std::exchange(seen[id], t + 1) == t + 1)
        return fail(Code::kCorrupt, fmt::format("token {}: candidate {} comes twice", t, id));
    }
  return {};
}

Status check_layer(const LayerCandidates& layer, const EliminationRule& rule) {
  const std::size_t m = layer.n_candidate;
  const std::size_t n = layer.n_token();
  const std::size_t n_gram = n * m * (m + 1) / 2;
  const bool fits = n > 0 && layer.n_used > 0 && layer.n_used <= m && m <= layer.n_expert &&
                    layer.ids.size() == n * m && layer.weights.size() == n * m &&
                    layer.gram.size() == n_gram &&
                    (layer.channel_gram.empty() || layer.channel_gram.size() == n_gram) &&
                    (!layer.has_norm || layer.n_embd > 0) && rule.n_group > 0 &&
                    layer.n_expert % rule.n_group == 0;
  if (!fits) return fail(Code::kCorrupt, "the layer's candidates do not fit together");
  if (!all_finite(layer.weights) || !all_finite(layer.gram) || !all_finite(layer.channel_gram) ||
      !all_finite(layer.importance))
    return fail(Code::kCorrupt, "a value of the layer's candidates is not finite");
  return check_ids(layer);
}

class Eliminator {
 public:
  Eliminator(const LayerCandidates& layer, const EliminationRule& rule)
      : layer_(layer),
        error_(layer),
        left_(layer.n_expert, true),
        group_size_(layer.n_expert / rule.n_group),
        gone_(rule.n_group, 0),
        changes_(layer.weights.size(), 0.0),
        errors_(layer.n_token(), 0.0) {
    for (const float importance : layer.importance) total_importance_ += importance;
  }

  Result<Elimination> run(Observer& observer) {
    Elimination out;
    for (std::size_t t = 0; t < layer_.n_token(); ++t) update(t);
    while (out.order.size() < layer_.n_expert) {
      if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
      const auto expert = cheapest(out.order.size());
      remove(expert);
      out.order.push_back(expert);
      out.loss.push_back(loss());
    }
    return out;
  }

 private:
  // The token's error as it is, and how it changes with each candidate that is left.
  void update(std::size_t t) {
    const std::size_t m = layer_.n_candidate;
    error_.begin(t, left_);
    errors_[t] = error_.value() * layer_.importance[t];
    const auto changes = std::span(changes_).subspan(t * m, m);
    for (std::size_t k = 0; k < m; ++k)
      changes[k] = left_[layer_.ids[t * m + k]]
                       ? error_.without(k) * layer_.importance[t] - errors_[t]
                       : 0.0;
  }

  // Sums over tokens in their order: no rounding is carried over from step to step.
  std::uint32_t cheapest(std::size_t n_gone) const {
    std::vector<double> costs(layer_.n_expert, 0.0);
    for (std::size_t i = 0; i < changes_.size(); ++i) costs[layer_.ids[i]] += changes_[i];
    const std::size_t round = n_gone / gone_.size();
    std::uint32_t best = layer_.n_expert;
    for (std::uint32_t e = layer_.n_expert; e-- > 0;)
      if (left_[e] && gone_[e / group_size_] <= round &&
          (best == layer_.n_expert || costs[e] < costs[best]))
        best = e;
    return best;
  }

  void remove(std::uint32_t expert) {
    left_[expert] = false;
    ++gone_[expert / group_size_];
    const std::size_t m = layer_.n_candidate;
    const bool by_mass = layer_.renormalisation == Renormalisation::kOverKept;
    for (std::size_t t = 0; t < layer_.n_token(); ++t) {
      // These are the experts that the token uses, and the one that would come next.
      std::size_t n_seen = 0;
      for (std::size_t k = 0; k < m && (by_mass || n_seen <= layer_.n_used); ++k) {
        const auto id = layer_.ids[t * m + k];
        if (id == expert) {
          update(t);
          break;
        }
        n_seen += left_[id] ? 1 : 0;
      }
    }
  }

  double loss() const {
    double sum = 0.0;
    for (const double error : errors_) sum += error;
    return total_importance_ > 0.0 ? sum / total_importance_ : 0.0;
  }

  const LayerCandidates& layer_;
  TokenError error_;
  std::vector<bool> left_;  // [E]
  std::size_t group_size_;
  std::vector<std::size_t> gone_;  // by group
  std::vector<double> changes_;    // [T][M]
  std::vector<double> errors_;     // [T]
  double total_importance_ = 0.0;
};

}  // namespace

Result<Elimination> eliminate(const LayerCandidates& layer, const EliminationRule& rule,
                              Observer& observer) {
  COE_TRY_STATUS(check_layer(layer, rule));
  return Eliminator(layer, rule).run(observer);
}

}  // namespace coe
