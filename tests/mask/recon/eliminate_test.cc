#include "coe/mask/recon/eliminate.h"

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/base/rng.h"

#include "support/expect.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::value_of;
using ::testing::ElementsAre;

// A layer as the engine sees it: every expert's output for every token, in full.
struct FullLayer {
  std::uint32_t n_expert = 0;
  std::uint32_t n_used = 0;
  std::uint32_t n_candidate = 0;
  std::uint32_t n_embd = 0;
  Renormalisation rule = Renormalisation::kOverSelected;
  bool has_norm = false;
  double eps = 1e-6;
  float scale = 1.0F;
  std::vector<float> gamma;                              // [n_embd], with has_norm
  std::vector<float> importance;                         // [T]
  std::vector<std::vector<std::uint16_t>> ids;           // [T][M]
  std::vector<std::vector<float>> weights;               // [T][M]
  std::vector<std::vector<std::vector<float>>> outputs;  // [T][M][n_embd]
};

LayerCandidates packed(const FullLayer& full) {
  LayerCandidates layer;
  layer.n_expert = full.n_expert;
  layer.n_used = full.n_used;
  layer.n_candidate = full.n_candidate;
  layer.n_embd = full.n_embd;
  layer.renormalisation = full.rule;
  layer.scale = full.scale;
  layer.has_norm = full.has_norm;
  layer.norm_eps = static_cast<float>(full.eps);
  layer.importance = full.importance;
  for (std::size_t t = 0; t < full.ids.size(); ++t) {
    layer.ids.insert(layer.ids.end(), full.ids[t].begin(), full.ids[t].end());
    layer.weights.insert(layer.weights.end(), full.weights[t].begin(), full.weights[t].end());
    for (std::size_t i = 0; i < full.n_candidate; ++i)
      for (std::size_t j = 0; j <= i; ++j) {
        double plain = 0.0;
        double channel = 0.0;
        for (std::size_t c = 0; c < full.n_embd; ++c) {
          const double product = static_cast<double>(full.outputs[t][i][c]) * full.outputs[t][j][c];
          plain += product;
          if (full.has_norm) channel += product * full.gamma[c] * full.gamma[c];
        }
        layer.gram.push_back(static_cast<float>(plain));
        if (full.has_norm) layer.channel_gram.push_back(static_cast<float>(channel));
      }
  }
  return layer;
}

// Returns what the layer gives for token t with the experts left, from the vectors themselves.
std::vector<double> output(const FullLayer& full, std::size_t t, const std::vector<bool>& left) {
  std::vector<std::size_t> chosen;
  double sum = 0.0;
  double kept_mass = 1.0;
  for (std::size_t k = 0; k < full.n_candidate; ++k) {
    if (!left[full.ids[t][k]]) {
      kept_mass -= full.weights[t][k];
    } else if (chosen.size() < full.n_used) {
      chosen.push_back(k);
      sum += full.weights[t][k];
    }
  }
  std::vector<double> y(full.n_embd, 0.0);
  for (const auto k : chosen) {
    double weight = full.weights[t][k];
    if (full.rule == Renormalisation::kOverSelected) weight /= sum;
    if (full.rule == Renormalisation::kOverKept) weight /= kept_mass;
    for (std::size_t c = 0; c < full.n_embd; ++c)
      y[c] += full.scale * weight * full.outputs[t][k][c];
  }
  if (!full.has_norm) return y;
  double squares = 0.0;
  for (const double v : y) squares += v * v;
  const double rms = std::sqrt(squares / full.n_embd + full.eps);
  for (std::size_t c = 0; c < full.n_embd; ++c) y[c] *= full.gamma[c] / rms;
  return y;
}

double total_error(const FullLayer& full, const std::vector<bool>& left) {
  const std::vector<bool> all(full.n_expert, true);
  double total = 0.0;
  for (std::size_t t = 0; t < full.ids.size(); ++t) {
    const auto y = output(full, t, all);
    const auto changed = output(full, t, left);
    for (std::size_t c = 0; c < full.n_embd; ++c)
      total += full.importance[t] * (y[c] - changed[c]) * (y[c] - changed[c]);
  }
  return total;
}

// Everything anew for every expert at every step.
Elimination brute_force(const FullLayer& full, std::uint32_t n_group) {
  Elimination out;
  std::vector<bool> left(full.n_expert, true);
  std::vector<std::size_t> gone(n_group, 0);
  const double importance = std::accumulate(full.importance.begin(), full.importance.end(), 0.0);
  for (std::size_t step = 0; step < full.n_expert; ++step) {
    double best_error = std::numeric_limits<double>::infinity();
    std::uint32_t best = 0;
    for (std::uint32_t e = full.n_expert; e-- > 0;) {
      if (!left[e] || gone[e / (full.n_expert / n_group)] > step / n_group) continue;
      left[e] = false;
      const double error = total_error(full, left);
      left[e] = true;
      if (error < best_error) {
        best_error = error;
        best = e;
      }
    }
    left[best] = false;
    ++gone[best / (full.n_expert / n_group)];
    out.order.push_back(best);
    out.loss.push_back(best_error / importance);
  }
  return out;
}

FullLayer random_layer(std::uint64_t seed, Renormalisation rule, bool has_norm) {
  Rng rng(seed);
  FullLayer full;
  full.n_expert = 12;
  full.n_used = 3;
  full.n_candidate = rng.below(2) == 0 ? 12 : 7;
  full.n_embd = 9;
  full.rule = rule;
  full.has_norm = has_norm;
  full.scale = 2.5F;
  const auto value = [&] { return static_cast<float>(2.0 * rng.uniform() - 1.0); };
  for (std::uint32_t c = 0; c < full.n_embd; ++c) full.gamma.push_back(1.0F + value());
  for (int t = 0; t < 15; ++t) {
    full.importance.push_back(static_cast<float>(0.5 + rng.uniform()));
    std::vector<std::uint16_t> all(full.n_expert);
    std::iota(all.begin(), all.end(), std::uint16_t{0});
    rng.shuffle(std::span(all));
    all.resize(full.n_candidate);
    full.ids.push_back(all);
    std::vector<float> weights;
    float left = 1.0F;
    for (std::uint32_t k = 0; k < full.n_candidate; ++k) {
      weights.push_back(0.25F * left);
      left -= weights.back();
    }
    full.weights.push_back(weights);
    full.outputs.emplace_back();
    for (std::uint32_t k = 0; k < full.n_candidate; ++k) {
      full.outputs.back().emplace_back();
      for (std::uint32_t c = 0; c < full.n_embd; ++c) full.outputs.back().back().push_back(value());
    }
  }
  return full;
}

TEST(Eliminate, EqualsBruteForce) {
  for (const auto rule :
       {Renormalisation::kNone, Renormalisation::kOverKept, Renormalisation::kOverSelected})
    for (const bool has_norm : {false, true})
      for (const std::uint32_t n_group : {1U, 3U})
        for (std::uint64_t seed = 1; seed <= 20; ++seed) {
          SCOPED_TRACE(fmt::format("rule {}, norm {}, groups {}, seed {}", static_cast<int>(rule),
                                   has_norm, n_group, seed));
          const auto full = random_layer(seed, rule, has_norm);
          const auto expected = brute_force(full, n_group);
          const auto found = value_of(eliminate(packed(full), {n_group}, silent_observer()));
          // Once experts run out, tokens give 0 whatever goes next, and rounding decides.
          const std::size_t n = full.n_expert - full.n_used;
          EXPECT_TRUE(std::ranges::equal(std::span(found.order).first(n),
                                         std::span(expected.order).first(n)));
          for (std::size_t i = 0; i < n; ++i)
            EXPECT_NEAR(found.loss[i], expected.loss[i], 1e-5 * (1.0 + expected.loss[i]));
        }
}

// One token, R = 1, outputs 1, 2 and 4 in one channel, no norm: y = 1. Without expert 0 it is 2
// (error 1), without 0 and 1 it is 4 (error 9), without all 0 (error 1).
FullLayer one_token() {
  FullLayer full;
  full.n_expert = 4;
  full.n_used = 1;
  full.n_candidate = 3;
  full.n_embd = 1;
  full.importance = {1.0F};
  full.ids = {{0, 1, 2}};
  full.weights = {{0.5F, 0.25F, 0.125F}};
  full.outputs = {{{1.0F}, {2.0F}, {4.0F}}};
  return full;
}

TEST(Eliminate, WorkedByHand) {
  const auto found = value_of(eliminate(packed(one_token()), {}, silent_observer()));
  // 3 and then 2 and 1 go for nothing, the higher ids first; then 0, and nothing is left.
  EXPECT_THAT(found.order, ElementsAre(3, 2, 1, 0));
  EXPECT_THAT(found.loss, ElementsAre(0.0, 0.0, 0.0, 1.0));
}

TEST(Eliminate, CountsTokensByTheirImportance) {
  // Token 0 uses expert 0 alone (error 1 without it), token 1 expert 1 (error 4).
  FullLayer full;
  full.n_expert = 2;
  full.n_used = 1;
  full.n_candidate = 1;
  full.n_embd = 1;
  full.ids = {{0}, {1}};
  full.weights = {{1.0F}, {1.0F}};
  full.outputs = {{{1.0F}}, {{2.0F}}};
  full.importance = {1.0F, 1.0F};
  EXPECT_THAT(value_of(eliminate(packed(full), {}, silent_observer())).order, ElementsAre(0, 1));
  full.importance = {5.0F, 1.0F};
  const auto found = value_of(eliminate(packed(full), {}, silent_observer()));
  EXPECT_THAT(found.order, ElementsAre(1, 0));
  EXPECT_THAT(found.loss, ElementsAre(4.0 / 6.0, 9.0 / 6.0));
}

TEST(Eliminate, WhatNoTokenUsesGoesFirstAndForNothing) {
  auto full = random_layer(3, Renormalisation::kOverSelected, true);
  full.n_candidate = 7;
  for (std::size_t t = 0; t < full.ids.size(); ++t) {
    full.ids[t] = {0, 5, 10, 4, 9, 3, 8};
    full.weights[t].resize(7);
    full.outputs[t].resize(7);
  }
  const auto found = value_of(eliminate(packed(full), {}, silent_observer()));
  // All tokens choose 0, 5 and 10: the nine others cost nothing.
  for (std::size_t i = 0; i < 9; ++i) {
    EXPECT_EQ(found.loss[i], 0.0);
    EXPECT_THAT(found.order[i],
                ::testing::AllOf(::testing::Ne(0U), ::testing::Ne(5U), ::testing::Ne(10U)));
  }
  EXPECT_GT(found.loss[9], 0.0);
}

TEST(Eliminate, TakesOneOfEachGroupBeforeAnotherOfAny) {
  const auto full = random_layer(5, Renormalisation::kOverSelected, true);
  const auto found = value_of(eliminate(packed(full), {4}, silent_observer()));
  for (std::size_t round = 0; round < 3; ++round) {
    std::vector<std::uint32_t> groups;
    for (std::size_t i = 0; i < 4; ++i) groups.push_back(found.order[4 * round + i] / 3);
    EXPECT_THAT(groups, ::testing::UnorderedElementsAre(0, 1, 2, 3));
  }
}

// A norm forgets the length of what it is given: an expert whose output only lengthens the sum goes
// before one that turns it, however small its weight.
TEST(Eliminate, SeesDirectionsBehindANorm) {
  FullLayer full;
  full.n_expert = 3;
  full.n_used = 3;
  full.n_candidate = 3;
  full.n_embd = 2;
  full.rule = Renormalisation::kNone;
  full.has_norm = true;
  full.gamma = {1.0F, 1.0F};
  full.importance = {1.0F};
  full.ids = {{0, 1, 2}};
  full.weights = {{0.7F, 0.2F, 0.1F}};
  full.outputs = {{{1.0F, 0.0F}, {1.0F, 0.0F}, {0.0F, 5.0F}}};
  const auto found = value_of(eliminate(packed(full), {}, silent_observer()));
  EXPECT_EQ(found.order[0], 1U);
  full.has_norm = false;
  EXPECT_EQ(value_of(eliminate(packed(full), {}, silent_observer())).order[0], 1U);
  full.weights = {{0.7F, 0.2F, 0.03F}};
  EXPECT_EQ(value_of(eliminate(packed(full), {}, silent_observer())).order[0], 2U);
  full.has_norm = true;
  EXPECT_EQ(value_of(eliminate(packed(full), {}, silent_observer())).order[0], 1U);
}

TEST(Eliminate, RefusesWhatDoesNotFit) {
  const auto try_with = [](auto change) {
    auto layer = packed(one_token());
    change(layer);
    return eliminate(layer, {}, silent_observer());
  };
  expect_error(try_with([](auto& l) { l.ids[2] = 4; }), Code::kCorrupt,
               "token 0: candidate 4 of a layer of 4 experts");
  expect_error(try_with([](auto& l) { l.ids[2] = 0; }), Code::kCorrupt,
               "token 0: candidate 0 comes twice");
  expect_error(try_with([](auto& l) { l.gram.pop_back(); }), Code::kCorrupt, "do not fit together");
  expect_error(try_with([](auto& l) { l.n_used = 4; }), Code::kCorrupt, "do not fit together");
  expect_error(try_with([](auto& l) { l.importance.clear(); }), Code::kCorrupt,
               "do not fit together");
  expect_error(try_with([](auto& l) { l.gram[1] = std::numeric_limits<float>::quiet_NaN(); }),
               Code::kCorrupt, "not finite");
  expect_error(eliminate(packed(one_token()), {3}, silent_observer()), Code::kCorrupt,
               "do not fit together");
}

TEST(Eliminate, StopsWhenCancelled) {
  class Stop : public Observer {
   public:
    bool cancelled() override { return true; }
  };
  Stop stop;
  expect_error(eliminate(packed(one_token()), {}, stop), Code::kCancelled, "interrupted");
}

}  // namespace
}  // namespace coe
