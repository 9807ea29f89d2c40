#include "coe/eval/logits.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace coe {

// This file is compiled with -ffast-math, which lets the compiler use vector exponentials (4 ulp).
// Inputs are finite.

double log_sum_exp(std::span<const float> logits) {
  float top = logits[0];
  for (const float v : logits) top = std::max(top, v);
  double sum = 0.0;
  for (const float v : logits) sum += static_cast<double>(std::exp(v - top));
  return static_cast<double>(top) + std::log(sum);
}

LogitDifference compare_logits(std::span<const float> p, double p_norm, std::span<const float> q,
                               double q_norm) {
  // sum p_i (log p_i - log q_i) = sum p_i (x_i - y_i) - (norm_p - norm_q): nothing cancels when the
  // logits are close.
  const auto shift = static_cast<float>(p_norm);
  double weighted = 0.0;
  double mass = 0.0;
  float largest = 0.0F;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const float probability = std::exp(p[i] - shift);
    const float difference = p[i] - q[i];
    weighted += static_cast<double>(probability * difference);
    mass += static_cast<double>(probability);
    largest = std::max(largest, std::abs(difference));
  }
  LogitDifference result;
  result.kl = std::max(0.0, weighted / mass - (p_norm - q_norm));
  result.logit_diff_max = static_cast<double>(largest);
  return result;
}

}  // namespace coe
