// The comparison of a sliced file's layers with the masked parent's, over fake engines.
#include "coe/measure/eval/slice_check.h"

#include "coe/engine/fake_engine.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace coe {
namespace {

using ::testing::HasSubstr;

const FakeEngineOptions kParent{.n_layer = 2, .n_expert = 8, .n_expert_used = 2};
ExpertSet experts(std::vector<std::uint32_t> ids) {
  std::vector<ExpertId> out;
  for (const auto id : ids) out.push_back(ExpertId{id});
  return out;
}

const ExpertFilter kMask = {
    {{LayerId{0}, experts({0, 2, 3, 5})}, {LayerId{1}, experts({1, 4, 6, 7})}}, {}};

Corpus text() {
  Corpus corpus;
  for (const auto* name : {"a", "b"}) {
    corpus.domains.push_back({name, 1.0, {}});
    for (int i = 0; i < 3; ++i)
      corpus.domains.back().records.push_back(
          {fmt::format("{} the quick brown fox {} jumps over", name, i), "t.jsonl:1"});
  }
  return corpus;
}

// Passes on what another engine says, changed.
class Changed : public Engine, public RoutingObserver {
 public:
  using Change = std::function<void(LayerRouting&)>;
  Changed(const FakeEngineOptions& options, Change change)
      : engine_(options), change_(std::move(change)) {}
  const EngineInfo& info() const override { return engine_.info(); }
  Result<std::vector<std::int32_t>> tokenize(std::string_view text) override {
    return engine_.tokenize(text);
  }
  Status decode(const DecodeRequest& request) override {
    inner_ = request.routing;
    DecodeRequest passed = request;
    passed.routing = this;
    return engine_.decode(passed);
  }
  void on_routing(const LayerRouting& routing) override {
    LayerRouting changed = routing;
    change_(changed);
    inner_->on_routing(changed);
  }

 private:
  FakeEngine engine_;
  Change change_;
  RoutingObserver* inner_ = nullptr;
};

class SliceCheckTest : public ::testing::Test {
 protected:
  SliceCheckTest() {
    FakeEngine parent(kParent);
    auto recorded = SliceReference::record(parent, kMask, text(), silent_observer());
    EXPECT_TRUE(recorded) << recorded.error().message;
    if (recorded) reference_ = *std::move(recorded);
    child_.kept = kMask;
  }
  SliceCheck check(Engine& child) {
    const auto result = reference_.check(child, SliceLimits(), silent_observer());
    EXPECT_TRUE(result) << result.error().message;
    return result ? *result : SliceCheck();
  }
  SliceCheck check_changed(Changed::Change change) {
    Changed child(child_, std::move(change));
    return check(child);
  }

  SliceReference reference_;
  FakeEngineOptions child_ = kParent;
};

TEST_F(SliceCheckTest, FindsNoDifferenceInARightChild) {
  FakeEngine child(child_);
  const auto found = check(child);
  EXPECT_TRUE(found.ok()) << found.finding;
  EXPECT_EQ(found.n_record, 6U);
  EXPECT_EQ(found.n_expert_kept, 8U);
  EXPECT_EQ(found.n_expert_ran, 8U);
  const auto worst = found.worst();
  EXPECT_EQ(worst.n_token, 2 * found.n_token);
  EXPECT_EQ(worst.score, 0.0);
  EXPECT_EQ(worst.weight, 0.0);
  EXPECT_EQ(worst.output, 0.0);
  EXPECT_EQ(worst.n_near_tie + worst.n_other_choice, 0U);
  EXPECT_EQ(found.logit_diff_max, 0.0);
}

TEST_F(SliceCheckTest, ReadsAZeroedChildInTheParentsNumbers) {
  Changed child(kParent, [](LayerRouting&) {});
  // Nothing is removed from it, so it chooses what the mask removed.
  const auto found = check(child);
  EXPECT_THAT(found.finding, HasSubstr("choose other experts"));
}

TEST_F(SliceCheckTest, CatchesAFileOfAnotherMask) {
  child_.kept.kept[LayerId{1}] = experts({1, 4, 5, 7});
  FakeEngine child(child_);
  const auto found = check(child);
  EXPECT_THAT(found.finding, HasSubstr("layer 1: a router score differs"));
}

TEST_F(SliceCheckTest, CatchesARouterRowOfAnExpertThatNobodyChose) {
  const auto found = check_changed([](LayerRouting& routing) {
    auto& scores = routing.scores;
    for (std::size_t i = 3; routing.layer.value == 0 && i < scores.size(); i += 4)
      scores[i] *= 0.9F;
  });
  EXPECT_THAT(found.finding, HasSubstr("layer 0: a router score differs by 0.1"));
}

TEST_F(SliceCheckTest, CatchesWeightsAndOutputsThatDiffer) {
  auto found = check_changed([](LayerRouting& routing) {
    if (routing.layer.value == 1 && routing.first_token == 0) routing.weights[0] *= 1.2F;
  });
  EXPECT_THAT(found.finding, HasSubstr("layer 1: a router weight differs by 0.2"));
  found = check_changed([](LayerRouting& routing) {
    auto& outputs = routing.moe_outputs;
    if (routing.layer.value == 1) outputs[1] = -outputs[1];
  });
  EXPECT_THAT(found.finding, HasSubstr("layer 1: its experts' output differs by"));
}

// Rounding moves each score by some 1e-4 of itself and the other values with it.
TEST_F(SliceCheckTest, AllowsWhatRoundingDoes) {
  const auto found = check_changed([](LayerRouting& routing) {
    for (auto* values : {&routing.scores, &routing.weights, &routing.moe_outputs})
      for (std::size_t i = 0; i < values->size(); ++i)
        (*values)[i] *= i % 2 == 0 ? 1.0001F : 0.9999F;
  });
  EXPECT_TRUE(found.ok()) << found.finding;
  EXPECT_NEAR(found.worst().weight, 1e-4, 1e-5);
}

TEST_F(SliceCheckTest, CountsValuesThatAreNoNumbersAsDifferences) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  auto found = check_changed([&](LayerRouting& routing) { routing.scores[0] = nan; });
  EXPECT_FALSE(found.ok());
  found = check_changed([&](LayerRouting& routing) { routing.weights[0] = nan; });
  EXPECT_FALSE(found.ok());
  found = check_changed([&](LayerRouting& routing) { routing.moe_outputs[0] = nan; });
  EXPECT_FALSE(found.ok());
}

TEST_F(SliceCheckTest, RefusesAParentThatGivesNoNumbers) {
  auto options = kParent;
  options.nan_at = 'q';
  FakeEngine parent(options);
  const auto recorded = SliceReference::record(parent, kMask, text(), silent_observer());
  ASSERT_FALSE(recorded);
  EXPECT_EQ(recorded.error().code, Code::kCheckFailed);
  EXPECT_EQ(recorded.error().message,
            "t.jsonl:1: the masked parent gives logits that are no numbers, or all the same");
}

TEST_F(SliceCheckTest, RefusesAChildOfAnotherShape) {
  child_.kept.kept = {{LayerId{0}, experts({0, 2, 3})}, {LayerId{1}, experts({1, 4, 6})}};
  FakeEngine child(child_);
  const auto result = reference_.check(child, SliceLimits(), silent_observer());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Code::kMismatch);
  EXPECT_THAT(result.error().message, HasSubstr("3 experts"));
}

TEST(SliceReference, NeedsText) {
  FakeEngine parent(kParent);
  EXPECT_FALSE(SliceReference::record(parent, kMask, Corpus(), silent_observer()));
}

}  // namespace
}  // namespace coe
