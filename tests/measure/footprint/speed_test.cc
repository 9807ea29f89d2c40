// The order of turns, the tokens of each, and the arithmetic, with plain engines that only count.
#include "coe/measure/footprint/speed.h"

#include "support/expect.h"
#include "support/fake_library.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::FakeLibrary;
using ::coe::testing::PlainEvent;
using ::coe::testing::tiny_moe;
using ::coe::testing::value_of;
using ::coe::testing::write_tiny;
using ::testing::ElementsAre;

class Speed : public ::testing::Test {
 protected:
  Speed() {
    files_ = {write_tiny(dir_ / "parent.gguf", tiny_moe({.n_expert = 8})),
              write_tiny(dir_ / "child.gguf", tiny_moe({.n_expert = 4}))};
    options_.n_prompt = 8;
    options_.n_generate = 2;
    options_.n_depth = 4;
    options_.n_round = 3;
  }
  Result<std::vector<ModelSpeed>> run(Observer& observer = silent_observer()) {
    return run_speed(library_, files_, text_, options_, observer);
  }
  // Whose turns came, in order: each begins a sequence anew.
  std::vector<std::string> turns() const {
    std::vector<std::string> out;
    for (const auto& event : library_.events)
      if (event.n_token == 0) out.push_back(event.model.substr(0, event.model.find('.')));
    return out;
  }

  coe::testing::TempDir dir_;
  std::vector<Path> files_;
  FakeLibrary library_;
  Corpus text_;
  SpeedOptions options_;
};

TEST_F(Speed, RoundsGoThroughTheModelsInTurnAndBack) {
  const auto models = value_of(run());
  EXPECT_THAT(turns(), ElementsAre("parent", "child", "child", "parent", "parent", "child", "child",
                                   "parent"));
  ASSERT_EQ(models.size(), 2U);
  for (const auto& model : models) {  // the turn that warms up does not count
    EXPECT_EQ(model.prefill_s.size(), 3U);
    EXPECT_EQ(model.decode_s.size(), 3U);
    EXPECT_EQ(model.engine, "fake");
  }
  EXPECT_EQ(models[0].n_expert, 8U);
  EXPECT_EQ(models[1].n_expert, 4U);
  EXPECT_EQ(library_.n_opened, 2);
}

TEST_F(Speed, ATurnReadsTheDepthThenThePromptThenTokenByToken) {
  files_.pop_back();
  options_.n_round = 1;
  value_of(run());
  const std::vector<PlainEvent> turn = {{"parent.gguf", 0},
                                        {"parent.gguf", 4},
                                        {"parent.gguf", 8},
                                        {"parent.gguf", 1},
                                        {"parent.gguf", 1}};
  auto twice = turn;
  twice.insert(twice.end(), turn.begin(), turn.end());
  EXPECT_EQ(library_.events, twice);
}

TEST_F(Speed, OneAtATimeLoadsEachTurnAndWarmsItUp) {
  options_.one_at_a_time = true;
  options_.n_round = 1;
  options_.n_depth = 0;
  value_of(run());
  // The parent is open from the choice of tokens on; then three turns load a model.
  EXPECT_EQ(library_.n_opened, 4);
  const std::vector<PlainEvent> last(library_.events.end() - 5, library_.events.end());
  EXPECT_THAT(last, ElementsAre(PlainEvent{"parent.gguf", 8}, PlainEvent{"parent.gguf", 0},
                                PlainEvent{"parent.gguf", 8}, PlainEvent{"parent.gguf", 1},
                                PlainEvent{"parent.gguf", 1}));
}

TEST_F(Speed, AShortTextIsReadOverAndOver) {
  text_.domains.push_back({"a", 1.0, {{"abc", "t"}}});
  EXPECT_TRUE(run());
}

TEST_F(Speed, RefusesMoreTokensThanAModelWasTrainedFor) {
  options_.n_prompt = 600;
  expect_error(run(), Code::kInvalidArgument, "606 tokens are asked for");
  EXPECT_EQ(library_.n_opened, 0);
}

TEST_F(Speed, StopsWhenItIsCancelled) {
  class Cancelled : public Observer {
   public:
    bool cancelled() override { return true; }
  } observer;
  expect_error(run(observer), Code::kCancelled, "");
}

TEST_F(Speed, PassesErrorsOn) {
  files_.push_back(dir_ / "missing.gguf");
  expect_error(run(), Code::kNotFound, "missing.gguf");
}

// A token reads all of a tiny model but six of eight experts and the table that is not tied.
TEST(BytesOfToken, CountsWhatATokenReads) {
  const coe::testing::TempDir dir;
  const auto model =
      value_of(open_model(write_tiny(dir / "m.gguf", tiny_moe({.n_expert = 8, .n_expert_used = 2})),
                          silent_observer()));
  std::uint64_t all = 0;
  std::uint64_t table = 0;
  bool is_tied = true;
  for (const auto& tensor : model.file.header().tensors) {
    all += tensor.n_bytes;
    if (tensor.name.starts_with("token_embd.")) table = tensor.n_bytes;
    if (tensor.name == "output.weight") is_tied = false;
  }
  std::uint64_t experts = 0;  // of the three expert matrices of both layers
  for (const auto& layer : model.moe.layers)
    for (const auto& slab : layer.experts)
      if (model.file.header().tensors[slab.tensor].n_dims == 3) experts += 8 * slab.slab_bytes;
  ASSERT_GT(experts, 0U);
  EXPECT_EQ(bytes_of_token(model), all - (is_tied ? 0 : table) - experts / 8 * 6);
}

TEST(TokensPerSecond, AreTokensOverSecondsOfAllRounds) {
  const std::vector<double> seconds = {1.0, 3.0};
  const auto rate = tokens_per_second(100, seconds);
  EXPECT_DOUBLE_EQ(rate.value, 50.0);
  EXPECT_LE(rate.lower, rate.value);
  EXPECT_GE(rate.upper, rate.value);
}

}  // namespace
}  // namespace coe
