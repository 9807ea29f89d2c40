#include "coe/college/choose/calibrate.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

namespace coe {

namespace {

// Softmax in place; returns the logarithm of the sum.
double normalise(std::vector<double>& values) {
  const double most = *std::ranges::max_element(values);
  double sum = 0.0;
  for (double& value : values) sum += value = std::exp(value - most);
  for (double& value : values) value /= sum;
  return most + std::log(sum);
}

std::vector<double> weighted(const Evidence& evidence,
                             const std::array<double, kEvidence>& weights) {
  std::vector<double> out;
  for (std::size_t k = 0; k < kEvidence; ++k) {
    if (evidence[k].empty()) continue;
    if (out.empty()) out.resize(evidence[k].size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += weights[k] * evidence[k][i];
  }
  return out;
}

// Mean negative log likelihood, with a gradient and a curvature for each weight.
struct Slope {
  double loss = 0.0;
  std::array<double, kEvidence> gradient = {};
  std::array<std::array<double, kEvidence>, kEvidence> curvature = {};
};

// Each text counts by the inverse of how many its domain has.
std::vector<double> shares_of(std::span<const Judged> judged) {
  std::vector<double> n(1, 0.0);
  for (const auto& text : judged) {
    if (text.domain >= n.size()) n.resize(text.domain + 1);
    n[text.domain] += 1.0;
  }
  const auto n_domain =
      static_cast<double>(std::ranges::count_if(n, [](double v) { return v > 0; }));
  std::vector<double> out;
  for (const auto& text : judged) out.push_back(1.0 / (n[text.domain] * n_domain));
  return out;
}

Slope slope_at(std::span<const Judged> judged, std::span<const double> shares,
               const std::array<double, kEvidence>& weights) {
  Slope out;
  for (std::size_t t = 0; t < judged.size(); ++t) {
    const auto& text = judged[t];
    auto p = weighted(text.evidence, weights);
    const double own = p[text.domain];
    out.loss += shares[t] * (normalise(p) - own);
    std::array<double, kEvidence> means = {};
    for (std::size_t k = 0; k < kEvidence; ++k)
      for (std::size_t i = 0; i < text.evidence[k].size(); ++i)
        means[k] += p[i] * text.evidence[k][i];
    for (std::size_t a = 0; a < kEvidence; ++a) {
      const auto& x = text.evidence[a];
      if (x.empty()) continue;
      out.gradient[a] += shares[t] * (means[a] - x[text.domain]);
      for (std::size_t b = 0; b < kEvidence; ++b) {
        const auto& y = text.evidence[b];
        if (y.empty()) continue;
        double product = 0.0;
        for (std::size_t i = 0; i < p.size(); ++i) product += p[i] * x[i] * y[i];
        out.curvature[a][b] += shares[t] * (product - means[a] * means[b]);
      }
    }
  }
  return out;
}

// One step of Newton's method over the weights in use; the loss is convex in them.
std::array<double, kEvidence> newton_step(const Slope& slope,
                                          const std::array<bool, kEvidence>& uses) {
  constexpr double kDamping = 1e-12;  // texts that say nothing leave a curvature of 0
  std::array<double, kEvidence> step = {};
  const auto& h = slope.curvature;
  const auto& g = slope.gradient;
  const double determinant = h[0][0] * h[1][1] - h[0][1] * h[1][0];
  if (uses[0] && uses[1] && determinant > kDamping * h[0][0] * h[1][1] && determinant > 0.0) {
    step[0] = (h[1][1] * g[0] - h[0][1] * g[1]) / determinant;
    step[1] = (h[0][0] * g[1] - h[1][0] * g[0]) / determinant;
    return step;
  }
  for (std::size_t k = 0; k < kEvidence; ++k)
    if (uses[k] && h[k][k] > 0.0) step[k] = g[k] / h[k][k];
  return step;
}

constexpr double kLeastEvidenceWeight = 1e-6;  // evidence never speaks against itself

std::array<double, kEvidence> fit_weights(std::span<const Judged> judged,
                                          const std::array<bool, kEvidence>& uses) {
  std::array<double, kEvidence> weights = {};
  for (std::size_t k = 0; k < kEvidence; ++k) weights[k] = uses[k] ? 1.0 : 0.0;
  if (judged.empty()) return weights;
  const auto shares = shares_of(judged);
  auto slope = slope_at(judged, shares, weights);
  constexpr int kMostSteps = 50;
  constexpr double kEnough = 1e-10;  // of the loss
  for (int i = 0; i < kMostSteps; ++i) {
    const auto step = newton_step(slope, uses);
    bool better = false;
    for (double size = 1.0; size > 1e-6 && !better; size /= 2) {
      auto next = weights;
      for (std::size_t k = 0; k < kEvidence; ++k)
        if (uses[k])
          next[k] =
              std::clamp(weights[k] - size * step[k], kLeastEvidenceWeight, kMostEvidenceWeight);
      auto there = slope_at(judged, shares, next);
      if (!(there.loss < slope.loss - kEnough)) continue;
      weights = next;
      slope = there;
      better = true;
    }
    if (!better) break;
  }
  return weights;
}

double fit_threshold(std::span<const Judged> judged, const Calibration& calibration) {
  std::vector<std::pair<double, bool>> seen;  // probability of the best, and whether it is right
  for (const auto& text : judged) {
    const auto p = probabilities(text.evidence, calibration);
    const auto best = best_of(p);
    seen.emplace_back(p[best], best == text.domain);
  }
  std::ranges::sort(seen);
  const auto n = seen.size();
  std::size_t n_right = 0;
  for (const auto& item : seen) n_right += static_cast<std::size_t>(item.second);
  const auto most = static_cast<std::size_t>(kMostUnsure * static_cast<double>(n));
  double threshold = kLeastThreshold;
  // Leaves the first `at` unsure, where those have another probability than the next.
  for (std::size_t at = 0; at < n && at <= most; ++at) {
    if (at == 0 || seen[at].first > seen[at - 1].first) {
      threshold = std::max(seen[at].first, kLeastThreshold);
      const bool sure_enough =
          static_cast<double>(n_right) >= kSureAccuracy * static_cast<double>(n - at);
      if (sure_enough && seen[at].first >= kLeastThreshold) break;
    }
    n_right -= static_cast<std::size_t>(seen[at].second);
  }
  return threshold;
}

double fit_least_known(std::span<const Judged> judged) {
  if (judged.empty()) return 0.0;
  std::vector<double> known;
  for (const auto& text : judged) known.push_back(text.known);
  std::ranges::sort(known);
  return known[static_cast<std::size_t>(kStrangeShare * static_cast<double>(known.size()))] / 2;
}

}  // namespace

std::vector<double> probabilities(const Evidence& evidence, const Calibration& calibration) {
  auto out = weighted(evidence, calibration.weights);
  normalise(out);
  return out;
}

std::size_t best_of(std::span<const double> scores) {
  return static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin());
}

Calibration calibrate(std::span<const Judged> judged, const std::array<bool, kEvidence>& uses) {
  Calibration out;
  out.weights = fit_weights(judged, uses);
  out.threshold = fit_threshold(judged, out);
  if (uses[0]) out.least_known = fit_least_known(judged);
  return out;
}

}  // namespace coe
