#include "coe/child/heal/fit.h"

#include "coe/base/jobs.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <numeric>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

// Weights that are tried, and kept where they are better on validation tokens.
class Best {
 public:
  Best(const Block& block, const LayerTokens& validation, const Rounding& round)
      : block_(block), validation_(validation), round_(round), weights_(block.parent) {
    error_ = layer_error(block, weights_, validation, work_);
    start_ = error_;
  }

  bool offer(const DenseWeights& weights, std::string_view method) {
    candidate_ = weights;
    if (!round_to_file(candidate_)) return false;
    const double error = layer_error(block_, candidate_, validation_, work_);
    if (!(error < error_)) return false;  // no number is not better
    error_ = error;
    std::swap(weights_, candidate_);
    method_ = method;
    return true;
  }

  const DenseWeights& weights() const { return weights_; }
  double start() const { return start_; }
  double error() const { return error_; }
  std::string_view method() const { return method_; }

 private:
  // Matrices that are the parent's stay as the file has them.
  bool round_to_file(DenseWeights& weights) const {
    for (const auto part : {&DenseWeights::gate, &DenseWeights::up, &DenseWeights::down}) {
      auto& matrix = weights.*part;
      if (matrix.values == (block_.parent.*part).values) continue;
      if (!std::ranges::all_of(matrix.values, [](float v) { return std::isfinite(v); }))
        return false;
      round_(matrix);
    }
    return true;
  }

  const Block& block_;
  const LayerTokens& validation_;
  const Rounding& round_;
  DenseForward work_;
  DenseWeights candidate_;  // beside weights_: each of them is memory that is used again
  DenseWeights weights_;
  double start_ = 0.0;
  double error_ = 0.0;
  std::string_view method_ = "nothing";
};

// Sums over the fit tokens that the ridge needs, with the norms' divisors at `weights`.
struct RidgeSums {
  Symmetric h;  // Σ ω b bᵀ           [F, F]
  Matrix s;     // Σ ω V_j b          [D, F]
};

RidgeSums ridge_sums(const Block& block, const DenseWeights& weights, const TokenRows& fit,
                     DenseForward& forward) {
  const std::size_t n_embd = block.n_embd();
  const std::size_t n_ff = block.n_ff();
  const bool normed = block.form == BlockForm::kNormed;
  RidgeSums sums{Symmetric(n_ff), Matrix(n_embd, n_ff)};
  Matrix scaled;   // b, times √ω
  Matrix missing;  // V, times √ω
  Matrix gram;
  Matrix cross;
  const std::size_t n_pass = MathDevice::pass_tokens();
  for (std::size_t first = 0; first < fit.size(); first += n_pass) {
    const auto batch = fit.part(first, std::min(n_pass, fit.size() - first));
    run_dense(block, weights, batch, forward);
    const MatrixView acts = batch.act.n_row > 0 ? batch.act : MatrixView(forward.act);
    reshape(scaled, batch.size(), n_ff);
    reshape(missing, batch.size(), n_embd);
    for_rows(batch.size(), [&](std::size_t t) {
      const float root = std::sqrt(batch.weight[t]);
      const float sigma = normed ? forward.mixed_scale[t] : 1.0F;
      const float to_b = root * sigma * (normed ? forward.dense_scale[t] : 1.0F);
      const auto act = acts.row(t);
      for (std::size_t i = 0; i < n_ff; ++i) scaled.row(t)[i] = to_b * act[i];
      const auto row = missing.row(t);
      const auto target = batch.target.row(t);
      const auto experts = batch.experts.row(t);
      for (std::size_t j = 0; j < n_embd; ++j) {
        const float from_experts = normed ? sigma * block.outer_norm[j] * weights.g2[j] : 1.0F;
        row[j] = root * (target[j] - from_experts * experts[j]);
      }
    });
    transposed_multiply(scaled, scaled, gram);
    transposed_multiply(missing, scaled, cross);
    for_rows(n_ff, [&](std::size_t r) {
      const auto row = gram.row(r);
      for (std::size_t i = 0; i < n_ff; ++i)
        sums.h.values[r * n_ff + i] += static_cast<double>(row[i]);
    });
    for_rows(n_embd, [&](std::size_t r) {
      const auto row = cross.row(r);
      for (std::size_t i = 0; i < n_ff; ++i) sums.s.row(r)[i] += row[i];
    });
  }
  return sums;
}

// (q_j² H + λ c I) δ_j = q_j S_j − q_j² H W0_j for all rows j by one eigendecomposition of H.
Result<double> fit_ridge(const Block& block, const LayerTokens& fit, Best& best,
                         DenseForward& forward, Observer& observer) {
  constexpr std::array kLambdas = {.01, .03, .1, .3, 1.0, 3.0};
  constexpr int kRound = 2;
  const std::size_t n_embd = block.n_embd();
  const std::size_t n_ff = block.n_ff();
  double chosen = 0.0;
  for (int round = 0; round < kRound; ++round) {
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    DenseWeights weights = best.weights();
    auto sums = ridge_sums(block, weights, fit, forward);
    std::vector<float> q(n_embd, 1.0F);
    if (block.form == BlockForm::kNormed)
      for (std::size_t j = 0; j < n_embd; ++j) q[j] = block.outer_norm[j] * weights.g1[j];
    const double mean_square =
        static_cast<double>(std::inner_product(q.begin(), q.end(), q.begin(), 0.0F)) /
        static_cast<double>(n_embd);
    const double unit = mean_square * sums.h.trace() / static_cast<double>(n_ff);  // c
    Matrix h(n_ff, n_ff);
    std::ranges::transform(sums.h.values, h.values.begin(),
                           [](double value) { return static_cast<float>(value); });
    Matrix right;  // becomes r_j
    multiply(block.parent.down, h, right);
    for_rows(n_embd, [&](std::size_t j) {
      for (std::size_t i = 0; i < n_ff; ++i)
        right.row(j)[i] = q[j] * sums.s.row(j)[i] - q[j] * q[j] * right.row(j)[i];
    });
    COE_TRY(const auto eigen, eigen_of(std::move(sums.h)));
    Matrix rotated;
    multiply_transposed(right, eigen.vectors, rotated);
    Matrix divided;
    bool any = false;
    for (const double lambda : kLambdas) {
      reshape(divided, n_embd, n_ff);
      for_rows(n_embd, [&](std::size_t j) {
        const double square = static_cast<double>(q[j]) * static_cast<double>(q[j]);
        for (std::size_t i = 0; i < n_ff; ++i) {
          const double under = square * std::max(eigen.values[i], 0.0) + lambda * unit;
          divided.row(j)[i] = under > 0.0 ? rotated.row(j)[i] / static_cast<float>(under) : 0.0F;
        }
      });
      multiply(divided, eigen.vectors, weights.down);
      for_rows(n_embd, [&](std::size_t j) {
        for (std::size_t i = 0; i < n_ff; ++i)
          weights.down.row(j)[i] += block.parent.down.row(j)[i];
      });
      if (!best.offer(weights, "ridge")) continue;
      chosen = lambda;
      any = true;
    }
    if (!any) break;
  }
  return chosen;
}

// g1 and g2 of each channel, by two equations with a ridge towards what they are.
void fit_channels(const Block& block, const TokenRows& fit, Best& best, DenseForward& forward) {
  constexpr double kRidge = .02;
  constexpr int kRound = 2;
  const std::size_t n_embd = block.n_embd();
  for (int round = 0; round < kRound; ++round) {
    DenseWeights weights = best.weights();
    std::vector<double> a11(n_embd);
    std::vector<double> a12(n_embd);
    std::vector<double> a22(n_embd);
    std::vector<double> b1(n_embd);
    std::vector<double> b2(n_embd);
    const std::size_t n_pass = MathDevice::pass_tokens();
    for (std::size_t first = 0; first < fit.size(); first += n_pass) {
      const auto batch = fit.part(first, std::min(n_pass, fit.size() - first));
      run_dense(block, weights, batch, forward);
      for_columns(n_embd, [&](std::size_t from, std::size_t to) {
        for (std::size_t t = 0; t < batch.size(); ++t) {
          const double weight = static_cast<double>(batch.weight[t]);
          for (std::size_t j = from; j < to; ++j) {
            const double outer = static_cast<double>(forward.mixed_scale[t] * block.outer_norm[j]);
            const double x1 = outer * static_cast<double>(forward.dense.row(t)[j]);
            const double x2 = outer * static_cast<double>(batch.experts.row(t)[j]);
            const double target = static_cast<double>(batch.target.row(t)[j]);
            a11[j] += weight * x1 * x1;
            a12[j] += weight * x1 * x2;
            a22[j] += weight * x2 * x2;
            b1[j] += weight * x1 * target;
            b2[j] += weight * x2 * target;
          }
        }
      });
    }
    const auto mean = [&](const std::vector<double>& values) {
      double sum = 0.0;
      for (const double value : values) sum += value;
      return sum / static_cast<double>(n_embd);
    };
    const double ridge1 = kRidge * mean(a11);
    const double ridge2 = kRidge * mean(a22);
    for (std::size_t j = 0; j < n_embd; ++j) {
      const double m11 = a11[j] + ridge1;
      const double m22 = a22[j] + ridge2;
      const double r1 = b1[j] + ridge1 * static_cast<double>(weights.g1[j]);
      const double r2 = b2[j] + ridge2 * static_cast<double>(weights.g2[j]);
      const double determinant = m11 * m22 - a12[j] * a12[j];
      if (!(determinant > 0.0)) continue;
      weights.g1[j] = static_cast<float>((r1 * m22 - r2 * a12[j]) / determinant);
      weights.g2[j] = static_cast<float>((r2 * m11 - r1 * a12[j]) / determinant);
    }
    if (!best.offer(weights, "ridge")) return;
  }
}

// One tensor under Adam.
class AdamTensor {
 public:
  explicit AdamTensor(std::span<const float> start) : mean_(start.size()), square_(start.size()) {
    double sum = 0.0;
    for (const float value : start) sum += static_cast<double>(value) * static_cast<double>(value);
    rate_ = start.empty() ? 0.0 : kRate * std::sqrt(sum / static_cast<double>(start.size()));
  }

  void step(std::span<float> values, std::span<const float> grad, std::uint32_t t, double share) {
    constexpr float kMean = .9F;
    constexpr float kSquare = .98F;
    constexpr float kEps = 1e-8F;
    const auto mean_part = static_cast<float>(1.0 - std::pow(kMean, t));
    const auto square_part = static_cast<float>(1.0 - std::pow(kSquare, t));
    const auto rate = static_cast<float>(rate_ * share);
    constexpr std::size_t kAtOnce = 1 << 16;
    for_each_at_once(
        (values.size() + kAtOnce - 1) / kAtOnce, MathThreads::count(), [&](std::size_t piece) {
          const std::size_t last = std::min(values.size(), (piece + 1) * kAtOnce);
          for (std::size_t i = piece * kAtOnce; i < last; ++i) {
            mean_[i] = kMean * mean_[i] + (1.0F - kMean) * grad[i];
            square_[i] = kSquare * square_[i] + (1.0F - kSquare) * grad[i] * grad[i];
            values[i] -=
                rate * (mean_[i] / mean_part) / (std::sqrt(square_[i] / square_part) + kEps);
          }
        });
  }

 private:
  static constexpr double kRate = .01;  // of the rms of a tensor's entries at the start
  std::vector<float> mean_;
  std::vector<float> square_;
  double rate_ = 0.0;
};

// Warms up, then falls along half a cosine to 0.
double rate_share(std::uint32_t step, std::uint32_t n_step) {
  constexpr std::uint32_t kWarmUp = 20;
  if (step <= kWarmUp) return static_cast<double>(step) / kWarmUp;
  const double along = static_cast<double>(step - kWarmUp) /
                       static_cast<double>(std::max(n_step, kWarmUp + 1) - kWarmUp);
  return .5 * (1.0 + std::cos(std::numbers::pi * along));
}

Status fit_adam(const Block& block, const LayerTokens& fit, const LayerFitOptions& options,
                Best& best, Observer& observer) {
  constexpr std::uint32_t kLook = 50;  // steps between two looks at the validation tokens
  DenseWeights weights = best.weights();
  AdamTensor gate(weights.gate.values);
  AdamTensor up(weights.up.values);
  AdamTensor down(weights.down.values);
  AdamTensor g1(weights.g1);
  AdamTensor g2(weights.g2);
  Rng rng(options.seed);
  std::vector<std::size_t> rows(std::min<std::size_t>(options.batch_tokens, fit.size()));
  LayerTokens batch;
  DenseForward forward;
  DenseWeights grad;
  for (std::uint32_t step = 1; step <= options.n_step; ++step) {
    if (observer.cancelled()) return fail(Code::kCancelled, "interrupted");
    for (auto& row : rows) row = rng.below(fit.size());
    take_rows(fit, rows, batch);
    run_dense(block, weights, batch, forward);
    layer_gradient(block, weights, batch, forward, grad);
    const double share = rate_share(step, options.n_step);
    gate.step(weights.gate.values, grad.gate.values, step, share);
    up.step(weights.up.values, grad.up.values, step, share);
    down.step(weights.down.values, grad.down.values, step, share);
    g1.step(weights.g1, grad.g1, step, share);
    g2.step(weights.g2, grad.g2, step, share);
    if (step % kLook == 0 || step == options.n_step) best.offer(weights, "adam");
  }
  return {};
}

}  // namespace

std::string_view heal_method_name(HealMethod method) {
  return kHealMethodNames[static_cast<std::size_t>(method)];
}

std::optional<HealMethod> find_heal_method(std::string_view name) {
  const auto* const found = std::ranges::find(kHealMethodNames, name);
  if (found == kHealMethodNames.end()) return std::nullopt;
  return static_cast<HealMethod>(found - kHealMethodNames.begin());
}

Result<LayerFit> fit_layer(const Block& block, const LayerTokens& fit,
                           const LayerTokens& validation, double gain,
                           const LayerFitOptions& options, Observer& observer) {
  Best best(block, validation, options.round);
  LayerFit out;
  if (block.form == BlockForm::kNormed && std::isfinite(gain) && gain > 0.0) {
    DenseWeights weights = block.parent;
    for (float& g : weights.g2) g *= static_cast<float>(gain);
    if (best.offer(weights, "gain")) out.gain = gain;
  }
  if (options.method == HealMethod::kRidge) {
    DenseForward forward;
    COE_TRY(out.lambda, fit_ridge(block, fit, best, forward, observer));
    if (block.form == BlockForm::kNormed) fit_channels(block, fit, best, forward);
  }
  if (options.method == HealMethod::kAdam)
    COE_TRY_STATUS(fit_adam(block, fit, options, best, observer));
  out.weights = best.weights();
  out.error = best.start() / static_cast<double>(block.n_embd());
  out.after = best.start() > 0.0 ? best.error() / best.start() : 1.0;
  out.kept = best.method();
  return out;
}

}  // namespace coe
