// The slice check on the bundled model: right children pass with nothing to spare on the CPU, and
// four kinds of wrong ones are caught, by their layer.
#include "coe/base/rng.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/masked/virtual_surgery.h"
#include "coe/measure/eval/slice_check.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include "engine/open_engine.h"
#include "support/expect.h"
#include "support/temp_dir.h"
#include "support/wrong_slices.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <optional>
#include <utility>

namespace coe::testing {
namespace {

using ::testing::HasSubstr;

constexpr std::uint32_t kLayer = 3;

KeepMask random_mask(const MoeModel& model, std::uint64_t seed) {
  Rng rng(seed);
  std::map<LayerId, std::vector<ExpertId>> layers;
  for (const auto& layer : model.layers) {
    std::vector<ExpertId> ids(model.n_expert);
    for (std::uint32_t e = 0; e < model.n_expert; ++e) ids[e] = {e};
    for (std::size_t i = ids.size() - 1; i > 0; --i) std::swap(ids[i], ids[rng.below(i + 1)]);
    ids.resize(64);
    layers.emplace(layer.id, std::move(ids));
  }
  return value_of(KeepMask::create(model.n_expert, std::move(layers)));
}

Corpus text() {
  Corpus corpus;
  corpus.domains.push_back({"code", 1.0, {}});
  corpus.domains.back().records.push_back(
      {value_of(read_text(COE_SOURCE_DIR "/CMakeLists.txt")), "-"});
  corpus.domains.push_back({"prose", 1.0, {}});
  corpus.domains.back().records.push_back({value_of(read_text(COE_SOURCE_DIR "/README.md")), "-"});
  return corpus;
}

class SliceCheckEngineTest : public ::testing::Test {
 protected:
  SliceCheckEngineTest()
      : parent_(value_of(gguf::GgufFile::open(model_))),
        moe_(value_of(describe_moe(parent_))),
        mask_(random_mask(moe_, 1)) {
    cut(mask_, child_);
    const auto engine = open_single_threaded(model_);
    const auto filter = value_of(virtual_surgery(mask_, parent_, moe_));
    reference_ = value_of(SliceReference::record(*engine, filter, text(), silent_observer()));
  }
  void cut(const KeepMask& mask, const Path& output) {
    const auto plan = value_of(plan_surgery(parent_, moe_, mask, {}));
    expect_ok(apply_plan(parent_, plan, output, Overwrite::kAllow, silent_observer()));
  }
  SliceCheck check(const Path& child, std::uint32_t n_batch = 512) {
    const auto engine = open_single_threaded(child, n_batch);
    return value_of(reference_->check(*engine, SliceLimits(), silent_observer()));
  }

  const Path model_ = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";
  TempDir dir_;
  const Path child_ = dir_ / "child.gguf";
  const Path wrong_ = dir_ / "wrong.gguf";
  gguf::GgufFile parent_;
  MoeModel moe_;
  KeepMask mask_;
  std::optional<SliceReference> reference_;
};

TEST_F(SliceCheckEngineTest, FindsNoDifferenceInTheRightFile) {
  const auto found = check(child_);
  EXPECT_TRUE(found.ok()) << found.finding;
  const auto worst = found.worst();
  EXPECT_EQ(worst.score, 0.0);
  EXPECT_EQ(worst.output, 0.0);
  EXPECT_EQ(worst.n_near_tie + worst.n_other_choice, 0U);
  EXPECT_EQ(found.logit_diff_max, 0.0);
  EXPECT_GT(found.n_expert_ran, found.n_expert_kept * 3 / 4);
}

// A child that uses fewer experts is held to the parent that does so too, and to no other.
TEST_F(SliceCheckEngineTest, HoldsAChildThatUsesFewerExpertsToTheSame) {
  const auto plan = value_of(plan_surgery(parent_, moe_, mask_, {.n_used = 6}));
  expect_ok(apply_plan(parent_, plan, wrong_, Overwrite::kAllow, silent_observer()));
  const auto refused = [&](const Path& child) {
    const auto other = open_single_threaded(child);
    expect_error(reference_->check(*other, SliceLimits(), silent_observer()), Code::kMismatch,
                 "routes otherwise than the parent's");
  };
  refused(wrong_);
  const auto engine = open_single_threaded(model_);
  const auto filter = value_of(virtual_surgery(mask_, parent_, moe_, 6));
  reference_ = value_of(SliceReference::record(*engine, filter, text(), silent_observer()));
  const auto found = check(wrong_);
  EXPECT_TRUE(found.ok()) << found.finding;
  EXPECT_EQ(found.worst().output, 0.0);
  EXPECT_EQ(found.logit_diff_max, 0.0);
  refused(child_);
}

TEST_F(SliceCheckEngineTest, PassesTheRightFileInOtherBatches) {
  const auto found = check(child_, 24);
  EXPECT_TRUE(found.ok()) << found.finding;
}

TEST_F(SliceCheckEngineTest, CatchesSwappedExperts) {
  swap_experts(child_, kLayer, wrong_);
  const auto found = check(wrong_);
  EXPECT_THAT(found.finding, HasSubstr(fmt::format("layer {}: its experts' output", kLayer)));
  EXPECT_EQ(found.logit_diff_max, 0.0);  // the layers after it saw the right inputs
}

TEST_F(SliceCheckEngineTest, CatchesAShiftedRouter) {
  shift_router_rows(child_, kLayer, wrong_);
  EXPECT_THAT(check(wrong_).finding, HasSubstr(fmt::format("layer {}: a router score", kLayer)));
}

TEST_F(SliceCheckEngineTest, CatchesAScaleThatWasNotCut) {
  leave_scale_uncut(model_, child_, kLayer, wrong_);
  EXPECT_THAT(check(wrong_).finding, HasSubstr(fmt::format("layer {}:", kLayer)));
}

TEST_F(SliceCheckEngineTest, CatchesAFileOfAnotherMask) {
  cut(random_mask(moe_, 2), wrong_);
  EXPECT_THAT(check(wrong_).finding, HasSubstr("layer 0: a router score"));
}

}  // namespace
}  // namespace coe::testing
