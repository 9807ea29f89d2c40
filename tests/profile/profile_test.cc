#include "coe/profile/profile.h"

#include "coe/engine/fake_engine.h"
#include "coe/profile/collector.h"
#include "coe/profile/plan.h"
#include "coe/profile/routing/stats.h"

#include "profile/fake_run.h"
#include "support/expect.h"
#include "support/fake_model.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::corpus_of;
using ::coe::testing::expect_error;
using ::coe::testing::fake_model;
using ::coe::testing::value_of;
using ::testing::HasSubstr;

// An engine whose every answer is fixed: two tokens, one layer, four experts, two used.
class ScriptedEngine : public Engine {
 public:
  ScriptedEngine() {
    info_.engine = "scripted";
    info_.n_vocab = 10;
    info_.n_ctx = 8;
    info_.n_expert = 4;
    info_.n_expert_used = 2;
    info_.moe_layers = {LayerId{3}};
  }
  const EngineInfo& info() const override { return info_; }
  Result<std::vector<std::int32_t>> tokenize(std::string_view) override {
    return std::vector<std::int32_t>{1, 2};
  }
  Status decode(const DecodeRequest& request) override {
    LayerRouting routing;
    routing.layer = layer;
    routing.n_token = 2;
    routing.n_used = 2;
    routing.ids = ids;
    routing.weights = weights;
    if (request.outputs) {
      routing.output_norms = norms;
      routing.moe_norms = moe;
      routing.residual_norms = residual;
    }
    request.routing->on_routing(routing);
    return {};
  }
  LayerId layer{3};
  std::vector<std::int32_t> ids = {2, 0, 2, 1};             // token 0: experts 2, 0; token 1: 2, 1
  std::vector<float> weights = {0.75F, 0.25F, 0.5F, 0.5F};  // exact in binary
  std::vector<float> norms = {4.0F, 8.0F, 2.0F, 6.0F};
  std::vector<float> moe = {3.0F, 1.0F};
  std::vector<float> residual = {6.0F, 4.0F};

 private:
  EngineInfo info_;
};

MoeModel scripted_model() {
  MoeModel model;
  model.id = {"m", "a", "d"};
  model.n_block = 5;
  model.n_expert = 4;
  model.n_expert_used = 2;
  model.layers.emplace_back();
  model.layers.back().id = LayerId{3};
  return model;
}

Corpus one_record() {
  Corpus corpus;
  corpus.domains.push_back({"d", 0.5, {{"x", "x.jsonl:1"}}});
  return corpus;
}

// Worked by hand from the script above; docs/method.md, section 2.1.
TEST(Profile, FillsEveryAccumulator) {
  ScriptedEngine engine;
  const auto stats = run_profile(engine, scripted_model(), one_record(), {}, silent_observer());
  ASSERT_TRUE(stats) << stats.error().message;
  ASSERT_EQ(stats->domains.size(), 1U);
  const auto& d = stats->domains[0];
  const auto at = [&](std::size_t e, std::size_t k) { return stats->shape.at(0, e, k); };
  EXPECT_EQ(d.n_token, 2);
  EXPECT_EQ(d.n_sample, 1);
  EXPECT_EQ(d.weight, 0.5);
  EXPECT_EQ(stats->shape.layers, std::vector<LayerId>{LayerId{3}});
  EXPECT_EQ(d.histograms[at(2, 0)], 2);
  EXPECT_EQ(d.histograms[at(0, 1)], 1);
  EXPECT_EQ(d.histograms[at(1, 1)], 1);
  EXPECT_EQ(d.histograms[at(3, 0)] + d.histograms[at(3, 1)], 0);
  EXPECT_EQ(d.weight_sum[at(2, 0)], 1.25);
  EXPECT_EQ(d.weight_sum[at(1, 1)], 0.5);
  EXPECT_EQ(d.freq_by_sample[at(2, 0)], 1.0);
  EXPECT_EQ(d.freq_by_sample[at(0, 1)], 0.5);
  EXPECT_EQ(d.weight_mean_by_sample[at(2, 0)], 0.625);
  // (w_0 - w_1) * w_k: token 0 has margin 0.5, token 1 none.
  EXPECT_EQ(d.decisive[at(2, 0)], 0.375);
  EXPECT_EQ(d.decisive[at(0, 1)], 0.125);
  EXPECT_EQ(d.decisive[at(1, 1)], 0.0);
  EXPECT_EQ(d.output_norm, (std::vector<double>{8, 6, 6, 0}));
  EXPECT_EQ(d.gated_norm, (std::vector<double>{2, 3, 4, 0}));
  // Token 0: gated 3 and 2 of 5; token 1: 1 and 3 of 4.
  EXPECT_DOUBLE_EQ(d.output_share[2], 0.6 + 0.25);
  EXPECT_DOUBLE_EQ(d.output_share[0], 0.4);
  EXPECT_DOUBLE_EQ(d.output_share[1], 0.75);
  EXPECT_DOUBLE_EQ(d.moe_ratio[0], 0.5 + 0.25);
}

// Expert 2's outputs are 4 and 2 long.
TEST(Profile, SumsSquaresOfOutputs) {
  ScriptedEngine engine;
  const auto stats = value_of(
      run_profile(engine, scripted_model(), one_record(), {.squares = true}, silent_observer()));
  EXPECT_EQ(stats.domains[0].output_square, (std::vector<double>{64, 36, 20, 0}));
  EXPECT_EQ(profile_settings({.squares = true}), "max_tokens=1024 outputs=1 shard=1/1 squares=1");
  // Without outputs there is nothing to square.
  EXPECT_EQ(profile_settings({.outputs = false, .squares = true}),
            profile_settings({.outputs = false}));
}

// Token 0 chose experts 2 and 0, token 1 experts 2 and 1: each choice with those of its token.
TEST(Profile, CountsWhatIsChosenTogether) {
  ScriptedEngine engine;
  const auto stats = value_of(run_profile(engine, scripted_model(), one_record(),
                                          {.coactivation = true}, silent_observer()));
  EXPECT_EQ(stats.domains[0].coactivation, (std::vector<std::int64_t>{1, 0, 1, 0,  //
                                                                      0, 1, 1, 0,  //
                                                                      1, 1, 2, 0,  //
                                                                      0, 0, 0, 0}));
  EXPECT_EQ(profile_settings({.coactivation = true}),
            "max_tokens=1024 outputs=1 shard=1/1 coactivation=1");
}

// At T = 0.5 weights are squared: .75 .25 becomes .9 .1, and .5 .5 stays.
TEST(Profile, TempersWeightsBeforeTheyAreCounted) {
  ScriptedEngine engine;
  const auto stats = value_of(run_profile(engine, scripted_model(), one_record(),
                                          {.router_temperature = 0.5}, silent_observer()));
  const auto& d = stats.domains[0];
  const auto at = [&](std::size_t e, std::size_t k) { return stats.shape.at(0, e, k); };
  EXPECT_EQ(stats.router_temperature, 0.5);
  EXPECT_EQ(stats.settings, "max_tokens=1024 outputs=1 shard=1/1 router_temperature=0.5");
  // Weights are floats, so equal to half a unit in their last place.
  EXPECT_NEAR(d.weight_sum[at(2, 0)], 0.9 + 0.5, 0x1.0p-24);
  EXPECT_NEAR(d.weight_sum[at(0, 1)], 0.1, 0x1.0p-27);
  EXPECT_NEAR(d.decisive[at(2, 0)], 0.8 * 0.9, 0x1.0p-23);
  EXPECT_NEAR(d.gated_norm[2], 0.9 * 4 + 0.5 * 2, 4 * 0x1.0p-24);
  EXPECT_NEAR(d.output_share[0], 0.1 * 8 / (0.1 * 8 + 0.9 * 4), 0x1.0p-23);
  EXPECT_EQ(d.output_norm, (std::vector<double>{8, 6, 6, 0}));  // no weight in it
  EXPECT_EQ(d.histograms[at(2, 0)], 2);
}

TEST(Profile, RefusesARouterTemperatureThatIsNotAboveZero) {
  ScriptedEngine engine;
  for (const double t : {0.0, -1.0, std::nan(""), std::numeric_limits<double>::infinity()})
    expect_error(run_profile(engine, scripted_model(), one_record(), {.router_temperature = t},
                             silent_observer()),
                 Code::kInvalidArgument, "is not above 0");
  engine.weights[1] = -0.25F;
  expect_error(run_profile(engine, scripted_model(), one_record(), {.router_temperature = 0.5},
                           silent_observer()),
               Code::kEngine, "layer 3: a router weight of -0.25 has no temperature");
}

TEST(Temper, KeepsTheSumAndTheOrderAtAnyTemperature) {
  for (const double t : {0.01, 0.6, 1.0, 3.0, 1e6}) {
    std::vector<float> weights = {1.75F, 0.5F, 0.25F};  // scaled, as some routers do
    temper(weights, t);
    EXPECT_NEAR(weights[0] + weights[1] + weights[2], 2.5, 3 * 0x1.0p-23) << t;
    EXPECT_GE(weights[0], weights[1]) << t;
    EXPECT_GE(weights[1], weights[2]) << t;
  }
  std::vector<float> sharp = {1.75F, 0.5F, 0.25F};
  temper(sharp, 0.01);
  EXPECT_EQ(sharp,
            (std::vector<float>{2.5F, 0.0F, 0.0F}));  // (2/7)^100 is below a float's half unit
  std::vector<float> none = {0.0F, 0.0F};
  temper(none, 0.5);
  EXPECT_EQ(none, (std::vector<float>{0.0F, 0.0F}));
}

TEST(Profile, LeavesOutputsOut_WhenNotAskedFor) {
  ScriptedEngine engine;
  const auto stats =
      run_profile(engine, scripted_model(), one_record(), {.outputs = false}, silent_observer());
  ASSERT_TRUE(stats);
  EXPECT_FALSE(stats->domains[0].has_outputs());
  EXPECT_EQ(stats->domains[0].weight_sum[stats->shape.at(0, 2, 0)], 1.25);
}

TEST(Profile, RefusesAnEngineThatSeesAnotherModel) {
  ScriptedEngine engine;
  auto model = scripted_model();
  model.layers[0].id = LayerId{2};
  const auto stats = run_profile(engine, model, one_record(), {}, silent_observer());
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().code, Code::kMismatch);
}

TEST(Profile, RefusesRoutingThatCannotBe) {
  ScriptedEngine out_of_range;
  out_of_range.ids[3] = 4;
  const auto high =
      run_profile(out_of_range, scripted_model(), one_record(), {}, silent_observer());
  ASSERT_FALSE(high);
  EXPECT_THAT(high.error().message, HasSubstr("layer 3: the engine chose expert 4 of 4"));
  ScriptedEngine other_layer;
  other_layer.layer = LayerId{1};
  const auto dense =
      run_profile(other_layer, scripted_model(), one_record(), {}, silent_observer());
  ASSERT_FALSE(dense);
  EXPECT_THAT(dense.error().message, HasSubstr("layer 1"));
}

// The invariant must be able to fail: an engine that reports a layer twice.
TEST(Profile, ChecksThatHistogramsAddUp) {
  class Stutter : public ScriptedEngine {
   public:
    Status decode(const DecodeRequest& request) override {
      COE_TRY_STATUS(ScriptedEngine::decode(request));
      return ScriptedEngine::decode(request);
    }
  } engine;
  const auto stats = run_profile(engine, scripted_model(), one_record(), {}, silent_observer());
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().code, Code::kCorrupt);
  EXPECT_THAT(stats.error().message, HasSubstr("layer 3"));
}

TEST(Profile, ShardsMergeToTheWhole) {
  FakeEngine engine({});
  const auto model = fake_model(engine);
  const auto corpus = corpus_of(7);
  const auto whole = run_profile(engine, model, corpus, {}, silent_observer());
  ASSERT_TRUE(whole);
  auto merged = run_profile(engine, model, corpus, {.shard = 0, .n_shard = 3}, silent_observer());
  ASSERT_TRUE(merged);
  for (std::uint32_t shard = 1; shard < 3; ++shard) {
    const auto part =
        run_profile(engine, model, corpus, {.shard = shard, .n_shard = 3}, silent_observer());
    ASSERT_TRUE(part);
    ASSERT_TRUE(merge_into(*merged, *part));
  }
  for (std::size_t d = 0; d < whole->domains.size(); ++d) {
    EXPECT_EQ(merged->domains[d].histograms, whole->domains[d].histograms);
    EXPECT_EQ(merged->domains[d].n_token, whole->domains[d].n_token);
    for (std::size_t i = 0; i < whole->domains[d].freq_by_sample.size(); ++i)
      ASSERT_NEAR(merged->domains[d].freq_by_sample[i], whole->domains[d].freq_by_sample[i], 1e-12);
  }
}

TEST(Profile, WindowsLongRecordsWithoutLosingTokens) {
  FakeEngine engine({.n_ctx = 16});
  Corpus corpus = one_record();
  corpus.domains[0].records[0].text = std::string(50, 'q');
  const auto stats =
      run_profile(engine, fake_model(engine), corpus, {.max_tokens = 1024}, silent_observer());
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->n_token(), 50);
  EXPECT_EQ(stats->n_sample(), 1);
  EXPECT_EQ(engine.n_decode(), 4U);  // 16 + 16 + 16 + 2
}

TEST(Profile, StopsWhenInterruptedAndPassesEngineErrorsOn) {
  struct Interrupt : Observer {
    int polls = 0;
    bool cancelled() override { return ++polls > 12; }
  } interrupt;
  FakeEngine engine({});
  const auto stopped = run_profile(engine, fake_model(engine), corpus_of(5), {}, interrupt);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
  FakeEngine failing({.fail_at_decode = 3});
  const auto failed =
      run_profile(failing, fake_model(failing), corpus_of(5), {}, silent_observer());
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::kEngine);
}

TEST(Profile, RefusesAShardWithoutText) {
  FakeEngine engine({});
  const auto stats = run_profile(engine, fake_model(engine), one_record(),
                                 {.shard = 1, .n_shard = 2}, silent_observer());
  ASSERT_FALSE(stats);
  EXPECT_EQ(stats.error().code, Code::kCorrupt);
}

// 60 records and 20: of any four in a row from the start, three and one.
TEST(VisitingOrder, SpreadsSubdomainsEvenlyAndShufflesEach) {
  Corpus corpus;
  corpus.domains.push_back({"large", 1.0, std::vector<Record>(60)});
  corpus.domains.push_back({"small", 1.0, std::vector<Record>(20)});
  const auto order = visiting_order(corpus);
  ASSERT_EQ(order.size(), 80U);
  std::vector<std::size_t> small;
  std::vector<bool> seen(80, false);
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto& item = order[i];
    EXPECT_EQ(item.sample, (item.domain == 0 ? 0 : 60) + item.record);
    EXPECT_FALSE(seen[item.sample]);
    seen[item.sample] = true;
    if (item.domain == 1) small.push_back(item.record);
    if (i % 4 == 3) {
      EXPECT_EQ(small.size(), (i + 1) / 4) << "after " << i + 1;
    }
  }
  EXPECT_FALSE(std::is_sorted(small.begin(), small.end()));
  // A sub-domain is visited in the same order whatever stands beside it.
  corpus.domains.erase(corpus.domains.begin());
  std::vector<std::size_t> alone;
  for (const auto& item : visiting_order(corpus)) alone.push_back(item.record);
  EXPECT_EQ(alone, small);
}

}  // namespace
}  // namespace coe
