#include "coe/mask/recon/token_error.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

namespace coe {
namespace {

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

// Returns the place of (i, j) in a packed lower triangle.
std::size_t place(std::size_t i, std::size_t j) {
  return i >= j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i;
}

double quadratic(std::span<const float> triangle, std::span<const std::size_t> at,
                 std::span<const double> values) {
  double sum = 0.0;
  for (std::size_t a = 0; a < at.size(); ++a) {
    double row = 0.0;
    for (std::size_t b = 0; b < a; ++b) row += values[b] * triangle[place(at[a], at[b])];
    sum += values[a] * (2.0 * row + values[a] * triangle[place(at[a], at[a])]);
  }
  return sum;
}

}  // namespace

TokenError::TokenError(const LayerCandidates& layer)
    : layer_(layer), difference_(layer.n_candidate, 0.0) {}

void TokenError::begin(std::size_t token, const std::vector<bool>& left) {
  const std::size_t m = layer_.n_candidate;
  const std::size_t n_gram = m * (m + 1) / 2;
  weights_ = std::span(layer_.weights).subspan(token * m, m);
  gram_ = std::span(layer_.gram).subspan(token * n_gram, n_gram);
  metric_ = layer_.channel_gram.empty()
                ? gram_
                : std::span(layer_.channel_gram).subspan(token * n_gram, n_gram);
  alive_.clear();
  for (std::size_t k = 0; k < layer_.n_used; ++k) alive_.push_back(k);
  combine(kNone, 0.0, parent_);
  alive_.clear();
  mass_gone_ = 0.0;
  for (std::size_t k = 0; k < m; ++k) {
    if (left[layer_.ids[token * m + k]])
      alive_.push_back(k);
    else
      mass_gone_ += raw(k);
  }
  combine(kNone, mass_gone_, current_);
  value_ = error(current_);
}

double TokenError::without(std::size_t k) {
  const bool by_mass = layer_.renormalisation == Renormalisation::kOverKept;
  if (!by_mass && std::ranges::find(current_.candidates, k) == current_.candidates.end())
    return value_;
  combine(k, mass_gone_ + raw(k), changed_);
  return error(changed_);
}

void TokenError::combine(std::size_t gone, double mass, Factors& out) const {
  out.candidates.clear();
  out.values.clear();
  double sum = 0.0;
  for (const auto k : alive_) {
    if (k == gone) continue;
    if (out.candidates.size() == layer_.n_used) break;
    out.candidates.push_back(k);
    out.values.push_back(raw(k));
    sum += raw(k);
  }
  double divisor = 1.0;
  if (layer_.renormalisation == Renormalisation::kOverSelected)
    divisor = std::max<double>(sum, layer_.least_sum);
  // In a softmax over all experts, those that no candidate list shows count as kept.
  if (layer_.renormalisation == Renormalisation::kOverKept) divisor = std::max(1.0 - mass, sum);
  if (divisor > 0.0)
    for (double& value : out.values) value *= layer_.scale / divisor;
  if (!layer_.has_norm) return;
  const double squares = std::max(quadratic(gram_, out.candidates, out.values), 0.0);
  const double rms = std::sqrt(squares / layer_.n_embd + layer_.norm_eps);
  if (rms > 0.0)
    for (double& value : out.values) value /= rms;
}

double TokenError::error(const Factors& factors) {
  touched_ = parent_.candidates;
  for (std::size_t i = 0; i < parent_.candidates.size(); ++i)
    difference_[parent_.candidates[i]] = parent_.values[i];
  for (std::size_t i = 0; i < factors.candidates.size(); ++i) {
    const auto k = factors.candidates[i];
    if (k >= layer_.n_used) touched_.push_back(k);  // the parent's are the first
    difference_[k] -= factors.values[i];
  }
  values_.clear();
  for (const auto k : touched_) {
    values_.push_back(difference_[k]);
    difference_[k] = 0.0;
  }
  return std::max(quadratic(metric_, touched_, values_), 0.0);
}

}  // namespace coe
