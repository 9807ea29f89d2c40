#include "coe/measure/eval/logits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

namespace coe {

// This file is compiled with -ffast-math, which lets the compiler use vector exponentials (4 ulp).
// Inputs are finite.

// std::max_element carries a position along, which no vector does: five times as slow.
std::size_t first_choice(std::span<const float> logits) {
  float top = logits[0];
  for (const float v : logits) top = std::max(top, v);
  std::size_t at = 0;
  while (at + 1 < logits.size() && logits[at] != top) ++at;
  return at;
}

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

namespace {

// Steps by which condense() cuts: eighths of a nat below the norm, the last one for all that is
// farther away.
constexpr int kSteps = 512;

int step_of(float logit, float shift) {
  const float depth = (shift - logit) * 8.0F;
  // The comparison first: what is too large for an int is not converted.
  return depth >= static_cast<float>(kSteps - 1) ? kSteps - 1
                                                 : static_cast<int>(std::max(depth, 0.0F));
}

// The first step that is left out.
int cut_of(std::span<const float> logits, float shift, double tail) {
  std::array<double, kSteps> mass{};
  int first = kSteps;
  for (const float v : logits) {
    const int step = step_of(v, shift);
    mass[static_cast<std::size_t>(step)] += static_cast<double>(std::exp(v - shift));
    first = std::min(first, step);
  }
  int cut = kSteps;
  double left_out = 0.0;
  while (cut > first + 1 && left_out + mass[static_cast<std::size_t>(cut - 1)] <= tail)
    left_out += mass[static_cast<std::size_t>(--cut)];
  return cut;
}

}  // namespace

CondensedLogits condense(std::span<const float> logits, double norm, double tail) {
  const auto shift = static_cast<float>(norm);
  const int cut = tail > 0.0 ? cut_of(logits, shift, tail) : kSteps;
  CondensedLogits out;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (step_of(logits[i], shift) < cut) {
      out.ids.push_back(static_cast<std::uint32_t>(i));
      out.logits.push_back(logits[i]);
      continue;
    }
    const auto p = static_cast<double>(std::exp(logits[i] - shift));
    out.rest_mass += p;
    out.rest_entropy += p * (static_cast<double>(logits[i]) - norm);
  }
  return out;
}

KlBounds compare_condensed(const CondensedLogits& p, double p_norm, std::span<const float> q,
                           double q_norm) {
  const auto p_shift = static_cast<float>(p_norm);
  const auto q_shift = static_cast<float>(q_norm);
  double p_mass = p.rest_mass;
  double q_mass = 0.0;
  double weighted = 0.0;  // sum of p_i (x_i - y_i)
  for (std::size_t i = 0; i < p.ids.size(); ++i) {
    const float y = q[p.ids[i]];
    const auto probability = static_cast<double>(std::exp(p.logits[i] - p_shift));
    weighted += probability * (static_cast<double>(p.logits[i]) - static_cast<double>(y));
    p_mass += probability;
    q_mass += static_cast<double>(std::exp(y - q_shift));
  }
  double q_rest = 0.0;
  float q_least = q_shift;
  std::size_t next = 0;
  const auto add_gap = [&](std::size_t end) {
    for (; next < end; ++next) {
      q_rest += static_cast<double>(std::exp(q[next] - q_shift));
      q_least = std::min(q_least, q[next]);
    }
    next = end + 1;
  };
  for (const auto id : p.ids) add_gap(id);
  add_gap(q.size());
  // Both sum to one only up to rounding; with the logs of the sums they do.
  const double p_log = p_norm + std::log(p_mass);
  const double q_log = q_norm + std::log(q_mass + q_rest);
  const double kept = 1.0 - p.rest_mass / p_mass;
  const double top = weighted / p_mass - kept * (p_log - q_log);
  const double rest = p.rest_mass / p_mass;
  if (rest <= 0.0) return {std::max(0.0, top), std::max(0.0, top)};
  // What underflows in q counts as a little more than it is: the bound stays one.
  const double q_share = std::max(q_rest, 1e-30) / (q_mass + q_rest);
  const double lower = std::max(0.0, top + rest * std::log(rest / q_share));
  const double p_part = p.rest_entropy / p_mass - rest * (p_log - p_norm);
  const double upper = top + p_part + rest * (q_log - static_cast<double>(q_least));
  return {lower, std::max(lower, upper)};
}

}  // namespace coe
