// The layer's formulas against a second writing of them, one token and one number at a time; its
// gradient against finite differences.
#include "coe/child/heal/block.h"

#include "coe/base/rng.h"

#include "child/heal/made_block.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

namespace coe {
namespace {

using coe::testing::error_of;
using coe::testing::made_block;
using coe::testing::made_tokens;
using coe::testing::tokens_of;

using Row = std::vector<double>;

Row normalised(const Row& v, double eps) {
  double square = 0.0;
  for (const double value : v) square += value * value;
  Row out = v;
  for (double& value : out) value /= std::sqrt(square / static_cast<double>(v.size()) + eps);
  return out;
}

double gelu(double x) {
  return .5 * x * (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (x + .044715 * x * x * x)));
}

// out/s − h of one token whose experts give `experts`.
Row expected_output(const Block& block, const DenseWeights& weights, std::span<const float> stream,
                    std::span<const float> experts) {
  const std::size_t n_embd = block.n_embd();
  Row x = normalised({stream.begin(), stream.end()}, static_cast<double>(block.eps));
  for (std::size_t j = 0; j < n_embd; ++j) x[j] *= static_cast<double>(block.input_norm[j]);
  double factor = 1.0;
  if (!block.shared_gate.empty()) {
    double logit = 0.0;
    for (std::size_t j = 0; j < n_embd; ++j)
      logit += x[j] * static_cast<double>(block.shared_gate[j]);
    factor = 1.0 / (1.0 + std::exp(-logit));
  }
  Row dense(n_embd);
  for (std::size_t i = 0; i < block.n_ff(); ++i) {
    double gate = 0.0;
    double up = 0.0;
    for (std::size_t j = 0; j < n_embd; ++j) {
      gate += static_cast<double>(weights.gate.row(i)[j]) * x[j];
      up += static_cast<double>(weights.up.row(i)[j]) * x[j];
    }
    const double f =
        block.activation == Activation::kGelu ? gelu(gate) : gate / (1.0 + std::exp(-gate));
    for (std::size_t j = 0; j < n_embd; ++j)
      dense[j] += factor * f * up * static_cast<double>(weights.down.row(j)[i]);
  }
  Row e(experts.begin(), experts.end());
  if (block.form == BlockForm::kPlain) {
    for (std::size_t j = 0; j < n_embd; ++j) dense[j] += e[j];
    return dense;
  }
  dense = normalised(dense, static_cast<double>(block.eps));
  e = normalised(e, static_cast<double>(block.eps));
  Row y(n_embd);
  for (std::size_t j = 0; j < n_embd; ++j)
    y[j] =
        static_cast<double>(weights.g1[j]) * dense[j] + static_cast<double>(weights.g2[j]) * e[j];
  y = normalised(y, static_cast<double>(block.eps));
  for (std::size_t j = 0; j < n_embd; ++j) y[j] *= static_cast<double>(block.outer_norm[j]);
  return y;
}

struct Case {
  BlockForm form;
  bool gated;
};

class HealBlock : public ::testing::TestWithParam<Case> {
 protected:
  Rng rng_{7};
  Block block_ = made_block(GetParam().form, 12, 10, rng_, GetParam().gated);
};

TEST_P(HealBlock, ComputesWhatTheFormulasSay) {
  const auto batch = made_tokens(5, 12, .5F, rng_);
  const auto tokens = tokens_of(block_, batch);
  ASSERT_EQ(tokens.size(), 5U);
  DenseForward forward;
  run_dense(block_, block_.parent, tokens, forward);
  for (std::size_t t = 0; t < 5; ++t) {
    const auto target =
        expected_output(block_, block_.parent, batch.stream.row(t), batch.experts.row(t));
    const auto output =
        expected_output(block_, block_.parent, batch.stream.row(t), batch.kept.row(t));
    double square = 0.0;
    for (std::size_t j = 0; j < 12; ++j) {
      EXPECT_NEAR(tokens.target.row(t)[j], target[j], 1e-4 * (1.0 + std::abs(target[j])));
      EXPECT_NEAR(forward.output.row(t)[j], output[j], 1e-4 * (1.0 + std::abs(output[j])));
      const double out = static_cast<double>(batch.stream.row(t)[j]) + target[j];
      square += out * out;
    }
    EXPECT_NEAR(tokens.weight[t], 12.0 / square, 1e-4 * 12.0 / square);
  }
}

// Activations that are kept give what those worked out anew give.
TEST_P(HealBlock, TakesKeptActivationsForTheParents) {
  const auto batch = made_tokens(5, 12, .5F, rng_);
  const auto plain = tokens_of(block_, batch);
  const auto kept = tokens_of(block_, batch, true);
  ASSERT_EQ(kept.act.n_row, 5U);
  auto weights = block_.parent;
  for (float& value : weights.down.values) value *= 1.5F;
  EXPECT_DOUBLE_EQ(error_of(block_, weights, kept), error_of(block_, weights, plain));
}

// Each weight is moved a little; the change of the error is the gradient's.
TEST_P(HealBlock, HasTheGradientOfItsError) {
  const auto tokens = tokens_of(block_, made_tokens(6, 12, .7F, rng_));
  DenseForward forward;
  run_dense(block_, block_.parent, tokens, forward);
  DenseWeights grad;
  layer_gradient(block_, block_.parent, tokens, forward, grad);
  const auto check = [&](auto&& values_of_weights, std::span<const float> gradient) {
    double scale = 0.0;
    for (const float g : gradient) scale += std::abs(static_cast<double>(g));
    scale /= static_cast<double>(gradient.size());
    for (std::size_t i = 0; i < gradient.size(); i += 7) {
      constexpr float kStep = 4e-3F;
      auto weights = block_.parent;
      auto& value = values_of_weights(weights)[i];
      const float start = value;
      value = start + kStep;
      const double above = error_of(block_, weights, tokens);
      value = start - kStep;
      const double below = error_of(block_, weights, tokens);
      const double slope = (above - below) / (2.0 * static_cast<double>(kStep));
      EXPECT_NEAR(static_cast<double>(gradient[i]), slope, .01 * std::abs(slope) + .02 * scale)
          << i;
    }
  };
  check([](DenseWeights& w) -> auto& { return w.gate.values; }, grad.gate.values);
  check([](DenseWeights& w) -> auto& { return w.up.values; }, grad.up.values);
  check([](DenseWeights& w) -> auto& { return w.down.values; }, grad.down.values);
  if (GetParam().form == BlockForm::kPlain) return;
  check([](DenseWeights& w) -> auto& { return w.g1; }, grad.g1);
  check([](DenseWeights& w) -> auto& { return w.g2; }, grad.g2);
}

INSTANTIATE_TEST_SUITE_P(Forms, HealBlock,
                         ::testing::Values(Case{BlockForm::kNormed, false},
                                           Case{BlockForm::kPlain, false},
                                           Case{BlockForm::kPlain, true}));

// With g2 = 1 the gain is the cosine between what the kept experts give and what the parent's do.
TEST(HealGain, IsTheCosineOfWhatIsLeft) {
  Rng rng(1);
  auto block = made_block(BlockForm::kNormed, 4, 3, rng);
  block.parent.g2.assign(4, 1.0F);
  EngineTokens batch;
  batch.stream = Matrix(1, 4);
  batch.stream.values = {1, 2, 3, 4};
  batch.experts = Matrix(1, 4);
  batch.experts.values = {1, 0, 0, 0};
  batch.kept = Matrix(1, 4);
  batch.kept.values = {4, 3, 0, 0};  // .8 along it
  GainSums sums;
  tokens_of(block, batch, false, &sums);
  EXPECT_NEAR(sums.gain(), .8, 1e-5);
}

}  // namespace
}  // namespace coe
