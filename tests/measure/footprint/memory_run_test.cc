#include "coe/measure/footprint/memory_run.h"

#include "support/expect.h"
#include "support/fake_library.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::FakeLibrary;
using ::coe::testing::tiny_moe;
using ::coe::testing::value_of;
using ::coe::testing::write_tiny;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Warnings : public Observer {
 public:
  void warning(std::string_view message) override { heard.emplace_back(message); }
  std::vector<std::string> heard;
};

class Memory : public ::testing::Test {
 protected:
  Memory() {
    file_ = write_tiny(dir_ / "m.gguf", tiny_moe({.n_expert = 8, .n_expert_used = 2}));
    library_.memory = {{.device = "GPU0", .weights = 100, .compute = 20},
                       {.device = "CPU", .is_host = true, .weights = 10}};
    library_.space = {{"GPU0", "a card", 1000, 900}};
  }

  coe::testing::TempDir dir_;
  Path file_;
  FakeLibrary library_;
};

// The fake's cache takes a byte a token.
TEST_F(Memory, IsPredictedAtEachContext) {
  MemoryOptions options;
  options.contexts = {16, 64};
  options.measures = false;
  const auto models =
      value_of(run_memory(library_, std::vector{file_}, options, silent_observer()));
  ASSERT_EQ(models.size(), 1U);
  EXPECT_EQ(models[0].n_keep, 8U);
  ASSERT_EQ(models[0].cells.size(), 2U);
  const auto& cell = models[0].cells[1];
  EXPECT_EQ(cell.n_ctx, 64U);
  EXPECT_FALSE(cell.measured);
  ASSERT_EQ(cell.predicted.size(), 2U);
  EXPECT_EQ(cell.predicted[0].device, "GPU0");
  EXPECT_EQ(cell.predicted[0].kv_cache, 64U);
  EXPECT_EQ(cell.predicted[0].other, 0U);
  EXPECT_TRUE(cell.predicted[1].is_host);
}

TEST_F(Memory, ContextsAreCappedAtTheTrainedOneWithAWarning) {
  MemoryOptions options;
  options.contexts = {4096};
  options.measures = false;
  Warnings warnings;
  const auto models = value_of(run_memory(library_, std::vector{file_}, options, warnings));
  EXPECT_EQ(models[0].cells[0].n_ctx, 512U);
  EXPECT_THAT(warnings.heard, ElementsAre(HasSubstr("trained for 512 tokens; -c 4096")));
}

TEST_F(Memory, IsMeasuredWithAFullContextOrAsManyTokensAsAsked) {
  MemoryOptions options;
  options.contexts = {64};
  const auto full = value_of(run_memory(library_, std::vector{file_}, options, silent_observer()));
  ASSERT_TRUE(full[0].cells[0].measured);
  EXPECT_EQ(full[0].cells[0].measured->n_fill, 64U);
  EXPECT_EQ(full[0].cells[0].measured->allocated.size(), 2U);
  EXPECT_EQ(full[0].cells[0].measured->in_use.size(), 2U);
  options.n_fill = 10;
  const auto part = value_of(run_memory(library_, std::vector{file_}, options, silent_observer()));
  EXPECT_EQ(part[0].cells[0].measured->n_fill, 10U);
}

TEST_F(Memory, AWrongFileCostsNoMeasurement) {
  MemoryOptions options;
  options.contexts = {16};
  const std::vector files = {file_, dir_ / "missing.gguf"};
  expect_error(run_memory(library_, files, options, silent_observer()), Code::kNotFound,
               "missing.gguf");
  EXPECT_EQ(library_.n_opened, 0);
}

TEST(MemoryCell, IsOffByTheShareAboveThePrediction) {
  MemoryCell cell;
  cell.predicted = {{.device = "GPU0", .weights = 100}, {.device = "CPU", .weights = 100}};
  cell.measured = MeasuredMemory{};
  cell.measured->in_use = {190, 60};
  EXPECT_EQ(cell.in_use(), 250U);
  EXPECT_DOUBLE_EQ(cell.error(), 0.25);
}

TEST_F(Memory, CutsArePredictedByCountThenByContext) {
  const auto model = value_of(open_model(file_, silent_observer()));
  EngineOptions options;
  options.model = file_;
  const auto cuts =
      value_of(predict_cuts(library_, model, options, {4, 2}, {16, 4096}, silent_observer()));
  ASSERT_EQ(cuts.size(), 6U);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> shape;
  for (const auto& cut : cuts) shape.emplace_back(cut.n_keep, cut.n_ctx);
  using Pair = std::pair<std::uint32_t, std::uint32_t>;
  EXPECT_THAT(shape, ElementsAre(Pair(8, 16), Pair(8, 512), Pair(4, 16), Pair(4, 512), Pair(2, 16),
                                 Pair(2, 512)));
  expect_error(predict_cuts(library_, model, options, {1}, {16}, silent_observer()),
               Code::kInvalidArgument, "K = 1");
}

// A cut is predicted from a file with its header and its length, which holds no blocks.
TEST_F(Memory, ACutIsAskedForAsAFileThatTheEngineCanOpen) {
  class Reader : public FakeLibrary {
   public:
    Result<std::vector<std::vector<DeviceMemory>>> predict_memory(
        const EngineOptions& options, std::span<const std::uint32_t> contexts) const override {
      COE_TRY(const auto model, open_model(options.model, silent_observer()));
      std::vector<std::vector<DeviceMemory>> out(contexts.size());
      for (auto& devices : out)
        devices = {{.device = "CPU", .is_host = true, .weights = model.moe.n_expert}};
      return out;
    }
  } reader;
  const auto model = value_of(open_model(file_, silent_observer()));
  const std::vector<std::uint32_t> contexts = {16};
  const auto found = value_of(predicted_child_memory(reader, model, 4, {}, contexts));
  EXPECT_EQ(found[0][0].weights, 4U);
}

}  // namespace
}  // namespace coe
