// This is the error of one token under what is left of its experts. eliminate.h has the formula.
#pragma once

#include "coe/mask/recon/eliminate.h"

#include <cstddef>
#include <span>
#include <vector>

namespace coe {

class TokenError {
 public:
  explicit TokenError(const LayerCandidates& layer);

  // Begins with token `token` and the experts `left` [E].
  void begin(std::size_t token, const std::vector<bool>& left);
  double value() const { return value_; }
  // Returns the error once candidate `k`, which is left, is gone as well.
  double without(std::size_t k);

 private:
  // These are the token's candidates with the factors by which their outputs enter.
  struct Factors {
    std::vector<std::size_t> candidates;
    std::vector<double> values;
  };

  float raw(std::size_t k) const { return weights_[k]; }
  // Gives the normalised factors of the first R candidates left but `gone`, when `mass` of the
  // router's probability is gone in all.
  void combine(std::size_t gone, double mass, Factors& out) const;
  double error(const Factors& factors);

  const LayerCandidates& layer_;
  std::span<const float> weights_;
  std::span<const float> gram_;
  std::span<const float> metric_;
  std::vector<std::size_t> alive_;  // candidates left, in order
  Factors parent_;
  Factors current_;
  Factors changed_;
  std::vector<double> difference_;  // [M]
  std::vector<std::size_t> touched_;
  std::vector<double> values_;  // of touched_
  double mass_gone_ = 0.0;
  double value_ = 0.0;
};

}  // namespace coe
