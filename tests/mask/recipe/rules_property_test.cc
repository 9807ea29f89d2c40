// These properties hold for every pass, on random tables full of ties.
#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/mask/builder.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/pass.h"
#include "coe/mask/recipe/passes/arbitrage.h"
#include "coe/mask/recipe/passes/closure.h"
#include "coe/mask/recipe/passes/exempt.h"
#include "coe/mask/recipe/passes/structural.h"
#include "coe/mask/recipe/passes/whitelist.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/top_k.h"

#include "mask/recipe/pass_support.h"
#include "support/expect.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <set>
#include <span>
#include <utility>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_ok;
using ::coe::testing::layer_ids;
using ::coe::testing::random_profile;
using ::coe::testing::value_of;

// A model, its profiles and all passes over them.
struct Case {
  std::vector<LayerId> layers;
  KeepRule rule;
  std::uint32_t n_expert = 0;
  PassProfile domain, cot, cold, one, two, safety;
  std::vector<PassProfile> whitelist;
  std::vector<LayerExpert> structural;
  std::vector<LayerExpert> exempt;
  std::uint32_t cap = 0;
  std::uint32_t skip = 0;
};

Case random_case(std::uint64_t seed) {
  Rng rng(seed);
  Case c;
  const auto n_layer = static_cast<std::size_t>(rng.between(1, 4));
  c.rule.n_group = static_cast<std::uint32_t>(rng.between(1, 3));
  c.rule.n_chunk_expert = static_cast<std::uint32_t>(rng.between(1, 2));
  const std::uint32_t step = c.rule.n_group * c.rule.n_chunk_expert;
  const auto n_each = static_cast<std::uint32_t>(rng.between(2, 8));
  c.n_expert = n_each * step;
  c.rule.n_keep = static_cast<std::uint32_t>(rng.between(1, n_each)) * step;
  c.layers = layer_ids(n_layer);
  const auto profile = [&](const char* name) {
    return random_profile(n_layer, c.n_expert, name, rng);
  };
  c.domain = profile("domain");
  c.cot = profile("cot");
  c.cold = profile("cold");
  c.one = profile("one");
  c.two = profile("two");
  c.safety = profile("safety");
  c.whitelist = {profile("w1"), profile("w2")};
  for (auto* list : {&c.structural, &c.exempt}) {
    std::set<LayerExpert> taken;
    for (int i = 0; i < 4; ++i)
      taken.insert({c.layers[rng.below(n_layer)],
                    ExpertId{static_cast<std::uint32_t>(rng.below(c.n_expert))}});
    list->assign(taken.begin(), taken.end());
    rng.shuffle(std::span(*list));
  }
  c.cap = static_cast<std::uint32_t>(rng.below(5));
  c.skip = static_cast<std::uint32_t>(rng.below(3));
  return c;
}

constexpr WhitelistRule kStrict{0.5, 18};  // few enough to fit, mostly

using Step = std::function<Result<PassLog>(MaskBuilder&)>;
std::vector<Step> steps_of(const Case& c, std::uint32_t cap) {
  const ArbitrageRule rule{cap, c.skip};
  return {[&c](MaskBuilder& b) { return whitelist(b, c.whitelist, kStrict); },
          [&c, rule](MaskBuilder& b) { return arbitrate(b, c.cot, rule, &c.cold); },
          [&c, cap](MaskBuilder& b) { return bring_in_closure(b, c.one, c.two, {cap, 1.0}); },
          [&c, cap](MaskBuilder& b) { return inject(b, c.structural, cap); },
          [&c, rule](MaskBuilder& b) { return arbitrate(b, c.safety, rule); }};
}

MaskBuilder start(const Case& c) {
  auto builder = value_of(MaskBuilder::create(c.domain, c.layers, c.rule));
  expect_ok(exempt(builder, c.exempt));
  return builder;
}

std::size_t n_in_group(const KeepMask& mask, const Case& c, LayerId layer, std::uint32_t group) {
  const std::uint32_t size = c.n_expert / c.rule.n_group;
  return static_cast<std::size_t>(std::ranges::count_if(
      mask.layers().at(layer), [&](ExpertId e) { return e.value / size == group; }));
}

// K experts a layer and in each group, chunks whole; at most cap swaps a layer, each truly made,
// within a group, and never of tier 4; what comes in stays in, what is exempt and was in stays.
RC_GTEST_PROP(Passes, KeepTheirPromises, (std::uint64_t seed)) {
  const auto c = random_case(seed);
  auto builder = start(c);
  const auto baseline = builder.mask();
  std::set<LayerExpert> safe;
  for (const auto& item : c.exempt)
    if (baseline.keeps(item.layer, item.expert)) safe.insert(item);
  bool first = true;
  for (const auto& step : steps_of(c, c.cap)) {
    const auto before = builder.mask();
    const auto result = step(builder);
    if (!result) {
      RC_ASSERT(first);  // only a whitelist may overflow
      RC_ASSERT(result.error().code == Code::kInvalidArgument);
      return;
    }
    const auto after = builder.mask();
    for (const LayerId layer : c.layers) {
      RC_ASSERT(after.layers().at(layer).size() == c.rule.n_keep);
      for (std::uint32_t group = 0; group < c.rule.n_group; ++group)
        RC_ASSERT(n_in_group(after, c, layer, group) == c.rule.n_keep / c.rule.n_group);
      for (std::uint32_t e = 0; e < c.n_expert; ++e)
        RC_ASSERT(after.keeps(layer, ExpertId{e}) ==
                  after.keeps(layer, ExpertId{e / c.rule.n_chunk_expert * c.rule.n_chunk_expert}));
      const auto n_swap = std::ranges::count(result->swaps, layer, &MaskSwap::layer);
      RC_ASSERT(first || n_swap <= static_cast<std::ptrdiff_t>(c.cap));
    }
    for (const auto& swap : result->swaps) {
      const std::uint32_t size = c.n_expert / c.rule.n_group;
      RC_ASSERT(swap.in.value / size == swap.out.value / size);
      RC_ASSERT(!before.keeps(swap.layer, swap.in) && after.keeps(swap.layer, swap.in));
      RC_ASSERT(before.keeps(swap.layer, swap.out) && !after.keeps(swap.layer, swap.out));
      RC_ASSERT(first || swap.out_tier < 4);
      safe.insert({swap.layer, swap.in});
    }
    for (const auto& item : safe) RC_ASSERT(after.keeps(item.layer, item.expert));
    RC_ASSERT(result->after.layers == builder.covered().layers);
    first = false;
  }
}

RC_GTEST_PROP(Passes, WithCapZeroChangeNothing, (std::uint64_t seed)) {
  const auto c = random_case(seed);
  const auto steps = steps_of(c, 0);
  auto builder = start(c);
  const auto baseline = builder.mask();
  for (std::size_t i = 1; i < steps.size(); ++i) {
    const auto log = value_of(steps[i](builder));
    RC_ASSERT(log.swaps.empty());
    RC_ASSERT(log.before.layers == log.after.layers);
    RC_ASSERT(builder.mask() == baseline);
  }
  // Nor is anything protected by them: a later pass does what it does alone.
  auto alone = start(c);
  value_of(arbitrate(builder, c.safety, {4, 0}));
  value_of(arbitrate(alone, c.safety, {4, 0}));
  RC_ASSERT(builder.mask() == alone.mask());
}

// Rows in another order: the same mask, and the same log.
RC_GTEST_PROP(Passes, DoNotDependOnTheOrderOfRows, (std::uint64_t seed)) {
  const auto c = random_case(seed);
  std::vector<std::size_t> order(c.layers.size());
  std::iota(order.begin(), order.end(), 0);
  Rng rng(seed + 1);
  rng.shuffle(std::span(order));
  const auto rearrange = [&](const auto& table) {
    auto out = table;
    for (std::size_t row = 0; row < order.size(); ++row)
      std::ranges::copy(table.row(order[row]), out.row(row).begin());
    return out;
  };
  auto other = c;
  for (std::size_t row = 0; row < order.size(); ++row) other.layers[row] = c.layers[order[row]];
  std::vector<PassProfile*> profiles = {&other.domain, &other.cot, &other.cold,
                                        &other.one,    &other.two, &other.safety};
  for (auto& listed : other.whitelist) profiles.push_back(&listed);
  for (auto* profile : profiles) {
    profile->score = rearrange(profile->score);
    profile->avg_rank = rearrange(profile->avg_rank);
    profile->n_first = rearrange(profile->n_first);
    profile->n_chosen = rearrange(profile->n_chosen);
  }
  auto a = start(c);
  auto b = start(other);
  const auto steps = steps_of(c, c.cap);
  const auto other_steps = steps_of(other, c.cap);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto log = steps[i](a);
    const auto other_log = other_steps[i](b);
    RC_ASSERT(log.has_value() == other_log.has_value());
    if (!log) return;
    RC_ASSERT(log->swaps == other_log->swaps);
    RC_ASSERT(log->dropped == other_log->dropped);
    RC_ASSERT(log->left_out == other_log->left_out);
    RC_ASSERT(a.mask() == b.mask());
  }
}

// A pass with a temperature filter does some of what it does without.
RC_GTEST_PROP(Passes, TheTemperatureFilterOnlyDrops, (std::uint64_t seed)) {
  const auto c = random_case(seed);
  auto filtered = start(c);
  auto plain = start(c);
  const auto with = value_of(arbitrate(filtered, c.cot, {c.cap, c.skip}, &c.cold));
  const auto without = value_of(arbitrate(plain, c.cot, {c.cap, c.skip}));
  RC_ASSERT(with.swaps.size() + with.dropped.size() == without.swaps.size());
  for (const auto& swap : with.swaps)
    RC_ASSERT(std::ranges::find(without.swaps, swap) != without.swaps.end());
  // The same profile twice filters nothing.
  auto same = start(c);
  RC_ASSERT(value_of(arbitrate(same, c.cot, {c.cap, c.skip}, &c.cot)).swaps == without.swaps);
}

}  // namespace
}  // namespace coe
