#include "coe/child/heal/fit.h"

#include "coe/base/observer.h"
#include "coe/base/rng.h"

#include "child/heal/made_block.h"
#include "support/expect.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <utility>
#include <vector>

namespace coe {
namespace {

using coe::testing::drawn_matrix;
using coe::testing::error_of;
using coe::testing::made_block;
using coe::testing::made_tokens;
using coe::testing::tokens_of;
using coe::testing::value_of;

LayerFitOptions exact(HealMethod method, std::uint32_t n_step = 60) {
  LayerFitOptions options;
  options.method = method;
  options.n_step = n_step;
  options.batch_tokens = 64;
  options.round = [](Matrix&) {};
  return options;
}

class HealFit : public ::testing::TestWithParam<std::pair<BlockForm, HealMethod>> {};

// Nothing was pruned: nothing can be made up for, and the weights stay the parent's to the bit.
TEST_P(HealFit, LeavesAWholeLayerAlone) {
  Rng rng(3);
  const auto block = made_block(GetParam().first, 8, 6, rng);
  const auto fit = tokens_of(block, made_tokens(200, 8, 0.0F, rng));
  const auto validation = tokens_of(block, made_tokens(50, 8, 0.0F, rng));
  const auto fitted =
      value_of(fit_layer(block, fit, validation, 1.0, exact(GetParam().second), silent_observer()));
  EXPECT_NEAR(fitted.error, 0.0, 1e-10);
  EXPECT_EQ(fitted.weights.gate.values, block.parent.gate.values);
  EXPECT_EQ(fitted.weights.down.values, block.parent.down.values);
  EXPECT_EQ(fitted.weights.g2, block.parent.g2);
}

// Noise cannot be learnt. Whatever is tried, validation tokens decide, so it is never worse.
TEST_P(HealFit, IsNeverWorseOnValidationTokens) {
  for (std::uint64_t seed = 1; seed < 6; ++seed) {
    Rng rng(seed);
    const auto block = made_block(GetParam().first, 8, 6, rng);
    const auto fit = tokens_of(block, made_tokens(10, 8, 2.0F, rng));  // far too few
    const auto validation = tokens_of(block, made_tokens(100, 8, 2.0F, rng));
    const auto fitted = value_of(
        fit_layer(block, fit, validation, .7, exact(GetParam().second), silent_observer()));
    EXPECT_LE(fitted.after, 1.0);
    const double before = error_of(block, block.parent, validation);
    EXPECT_NEAR(error_of(block, fitted.weights, validation), fitted.after * before, 1e-6 * before);
  }
}

INSTANTIATE_TEST_SUITE_P(Methods, HealFit,
                         ::testing::Values(std::pair{BlockForm::kNormed, HealMethod::kGain},
                                           std::pair{BlockForm::kNormed, HealMethod::kRidge},
                                           std::pair{BlockForm::kNormed, HealMethod::kAdam},
                                           std::pair{BlockForm::kPlain, HealMethod::kRidge},
                                           std::pair{BlockForm::kPlain, HealMethod::kAdam}));

// A layer with a known answer: the lost expert gives a linear function of the activations, which
// the down-projection can take over whole.
TEST(HealRidge, FindsWhatTheDownProjectionLacks) {
  Rng rng(11);
  const auto block = made_block(BlockForm::kPlain, 6, 5, rng);
  const Matrix lost = drawn_matrix(6, 5, rng);
  const auto make = [&](std::size_t n) {
    auto batch = made_tokens(n, 6, 0.0F, rng);
    auto tokens = tokens_of(block, batch);
    DenseForward forward;
    run_dense(block, block.parent, tokens, forward);
    Matrix given;
    multiply_transposed(forward.act, lost, given);
    for (std::size_t i = 0; i < given.values.size(); ++i)
      tokens.target.values[i] += given.values[i];
    return tokens;
  };
  const auto fit = make(4000);
  const auto fitted =
      value_of(fit_layer(block, fit, make(300), 1.0, exact(HealMethod::kRidge), silent_observer()));
  EXPECT_EQ(fitted.kept, "ridge");
  EXPECT_DOUBLE_EQ(fitted.lambda, .01);
  EXPECT_LT(fitted.after, .002);  // what the smallest λ leaves
  double off = 0.0;
  double size = 0.0;
  for (std::size_t i = 0; i < lost.values.size(); ++i) {
    const double wanted = static_cast<double>(lost.values[i]);
    const double found = static_cast<double>(fitted.weights.down.values[i]) -
                         static_cast<double>(block.parent.down.values[i]);
    off += (found - wanted) * (found - wanted);
    size += wanted * wanted;
  }
  EXPECT_LT(std::sqrt(off / size), .05);
}

// The gate and up projections can learn what no down-projection can; and a seed gives the same
// weights every time.
TEST(HealAdam, LearnsMoreThanTheClosedForm) {
  Rng rng(5);
  auto block = made_block(BlockForm::kNormed, 8, 12, rng);
  auto teacher = block;
  for (auto* matrix : {&teacher.parent.gate, &teacher.parent.up, &teacher.parent.down})
    for (float& value : matrix->values) value *= 1.0F + .3F * static_cast<float>(rng.uniform());
  const auto make = [&](std::size_t n) {
    const auto batch = made_tokens(n, 8, 0.0F, rng);
    auto tokens = tokens_of(block, batch);
    tokens.target = tokens_of(teacher, batch).target;
    return tokens;
  };
  const auto fit = make(2000);
  const auto validation = make(400);
  const auto ridge = value_of(
      fit_layer(block, fit, validation, 1.0, exact(HealMethod::kRidge), silent_observer()));
  const auto options = exact(HealMethod::kAdam, 400);
  const auto adam = value_of(fit_layer(block, fit, validation, 1.0, options, silent_observer()));
  EXPECT_EQ(adam.kept, "adam");
  EXPECT_LT(adam.after, .5);
  EXPECT_LT(adam.after, ridge.after);
  const auto again = value_of(fit_layer(block, fit, validation, 1.0, options, silent_observer()));
  EXPECT_EQ(again.weights.gate.values, adam.weights.gate.values);
}

// What is measured is what the file will hold: a rounding that spoils a fit makes it lose.
TEST(HealFitRounding, IsPartOfTheMeasure) {
  Rng rng(9);
  const auto block = made_block(BlockForm::kNormed, 8, 6, rng);
  const auto fit = tokens_of(block, made_tokens(500, 8, 1.0F, rng));
  const auto validation = tokens_of(block, made_tokens(100, 8, 1.0F, rng));
  auto options = exact(HealMethod::kAdam, 100);
  options.round = [](Matrix& matrix) { matrix.values.assign(matrix.values.size(), 0.0F); };
  const auto fitted = value_of(fit_layer(block, fit, validation, 1.0, options, silent_observer()));
  EXPECT_NE(fitted.kept, "adam");
  EXPECT_EQ(fitted.weights.down.values, block.parent.down.values);
}

}  // namespace
}  // namespace coe
