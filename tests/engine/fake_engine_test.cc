#include "coe/engine/fake_engine.h"

#include "coe/engine/prompt.h"

#include "support/plain_ids.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace coe {
namespace {

using coe::testing::kept_experts;
using ::testing::HasSubstr;

struct Seen : RoutingObserver {
  std::map<LayerId, std::vector<std::int32_t>> ids;
  void on_routing(const LayerRouting& routing) override {
    auto& row = ids[routing.layer];
    EXPECT_EQ(row.size(), std::size_t{routing.first_token} * routing.n_used);
    row.insert(row.end(), routing.ids.begin(), routing.ids.end());
  }
};

Seen route(FakeEngine& engine, std::span<const std::int32_t> tokens, const ExpertFilter* filter) {
  Seen seen;
  DecodeRequest request;
  request.tokens = tokens;
  request.routing = &seen;
  request.filter = filter;
  EXPECT_TRUE(engine.decode(request));
  return seen;
}

TEST(FakeEngine, RoutesTheSameWhateverTheBatch) {
  const std::vector<std::int32_t> tokens = {5, 6, 7, 5, 200, 9, 1};
  FakeEngine whole({.n_batch = 64});
  FakeEngine pieces({.n_batch = 3});
  EXPECT_EQ(route(whole, tokens, nullptr).ids, route(pieces, tokens, nullptr).ids);
}

TEST(FakeEngine, SelectsOnlyKeptExperts_UnderAFilter) {
  const std::vector<std::int32_t> tokens = {1, 2, 3, 4, 5, 6, 7, 8};
  FakeEngine engine({});
  const ExpertFilter filter = {.kept = kept_experts({{1, {0, 3, 5}}}), .substitutes = {}};
  const auto seen = route(engine, tokens, &filter);
  EXPECT_THAT(seen.ids.at(LayerId{1}), ::testing::Each(::testing::AnyOf(0, 3, 5)));
  EXPECT_EQ(seen.ids.at(LayerId{0}), route(engine, tokens, nullptr).ids.at(LayerId{0}));
}

TEST(FakeEngine, CountsTheBestRankedAlone_WhereFewerAreUsed) {
  const std::vector<std::int32_t> tokens = {1, 2, 3, 4, 5};
  FakeEngine engine({.n_expert_used = 3});
  const ExpertFilter filter = {.n_used = 1};
  const auto all = route(engine, tokens, nullptr);
  const auto fewer = route(engine, tokens, &filter);
  ASSERT_EQ(fewer.ids.at(LayerId{1}).size(), tokens.size());
  for (std::size_t t = 0; t < tokens.size(); ++t)
    EXPECT_EQ(fewer.ids.at(LayerId{1})[t], all.ids.at(LayerId{1})[3 * t]);
  FakeEngine child({.n_expert_used = 3, .kept = {.n_used = 1}});
  EXPECT_EQ(child.info().n_expert_used, 1U);
  EXPECT_EQ(route(child, tokens, nullptr).ids, fewer.ids);
}

TEST(LayerRouting, GivesTheBestRanksAlone) {
  LayerRouting routing;
  routing.n_token = 2;
  routing.n_used = 3;
  routing.ids = {4, 5, 6, 7, 8, 9};
  routing.weights = {.5F, .3F, .2F, .6F, .4F, 0.F};
  routing.moe_norms = {1.F, 2.F};
  const auto two = routing.of_ranks(2);
  EXPECT_EQ(two.n_used, 2U);
  EXPECT_EQ(two.ids, (std::vector<std::int32_t>{4, 5, 7, 8}));
  EXPECT_EQ(two.weights, (std::vector<float>{.5F, .3F, .6F, .4F}));
  EXPECT_TRUE(two.output_norms.empty());
  EXPECT_EQ(two.moe_norms, routing.moe_norms);
}

TEST(CheckFilter, RefusesMoreThanTheModelUses) {
  const FakeEngine engine({.n_expert_used = 2});
  EXPECT_TRUE(check_filter(engine.info(), {.n_used = 2}));
  const auto more = check_filter(engine.info(), {.n_used = 3});
  ASSERT_FALSE(more);
  EXPECT_THAT(more.error().message, HasSubstr("3 experts are to be used, above the 2"));
}

TEST(CheckFilter, NamesLayerAndExpert) {
  const FakeEngine engine({.n_layer = 2, .n_expert = 8, .n_expert_used = 2});
  const auto unknown =
      check_filter(engine.info(), {.kept = kept_experts({{7, {0, 1}}}), .substitutes = {}});
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().message, HasSubstr("layer 7 has no router"));
  const auto few =
      check_filter(engine.info(), {.kept = kept_experts({{0, {3}}}), .substitutes = {}});
  ASSERT_FALSE(few);
  EXPECT_THAT(few.error().message, HasSubstr("layer 0 keeps 1 experts, below the 2"));
  const auto high =
      check_filter(engine.info(), {.kept = kept_experts({{1, {3, 8}}}), .substitutes = {}});
  ASSERT_FALSE(high);
  EXPECT_THAT(high.error().message, HasSubstr("layer 1 keeps expert 8 of 8"));
  EXPECT_TRUE(
      check_filter(engine.info(), {.kept = kept_experts({{1, {3, 7}}}), .substitutes = {}}));
}

TEST(RenderExchange, IsTheTemplatesUpToTheNextTurn) {
  FakeEngine engine({});
  const auto markup = engine.chat_markup();
  ASSERT_TRUE(markup);
  const auto text = render_exchange(engine, *markup, "2+2?", "4");
  ASSERT_TRUE(text);
  EXPECT_EQ(*text, std::string("<user>2+2?<model>4") + kFakeEnd);
  // Nothing tells where other turns begin.
  auto bare = *markup;
  bare.other_turns.clear();
  EXPECT_EQ(render_exchange(engine, bare, "2+2?", "4").value(),
            "<user>2+2?<model><think></think>4");
  FakeEngine mute({.has_chat = false});
  EXPECT_FALSE(render_exchange(mute, *markup, "2+2?", "4"));
}

}  // namespace
}  // namespace coe
