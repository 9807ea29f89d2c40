#include "coe/measure/footprint/fit.h"

#include "support/expect.h"
#include "support/fake_library.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::FakeLibrary;
using ::coe::testing::tiny_moe;
using ::coe::testing::value_of;
using ::coe::testing::write_tiny;
using ::testing::ElementsAre;

// Ten bytes an expert, and 100 for all else.
Result<FitPoint> ten_each(std::uint32_t n_keep) {
  FitPoint point;
  point.n_keep = n_keep;
  point.on_device.weights = 10U * n_keep;
  point.on_device.compute = 100;
  return point;
}

std::vector<std::uint32_t> counts_in(const std::vector<FitPoint>& points) {
  std::vector<std::uint32_t> out;
  for (const auto& point : points) out.push_back(point.n_keep);
  return out;
}

TEST(SearchFit, FindsTheLargestThatFitsForEveryBudget) {
  std::vector<std::uint32_t> counts;
  for (std::uint32_t k = 4; k <= 64; k += 4) counts.push_back(k);
  for (std::uint64_t budget = 100; budget < 800; ++budget) {
    int n_asked = 0;
    const auto found = value_of(search_fit(counts, budget, [&](std::uint32_t k) {
      ++n_asked;
      return ten_each(k);
    }));
    std::optional<std::uint32_t> expected;
    for (const auto k : counts)
      if (10 * k + 100 <= budget) expected = k;
    ASSERT_EQ(found.n_keep, expected) << budget;
    ASSERT_LE(n_asked, 10);
  }
}

TEST(SearchFit, TellsOfNeighboursAndOfTheWholeModel) {
  const std::vector<std::uint32_t> counts = {8, 9, 10, 11, 12, 13, 14, 15, 16};
  EXPECT_THAT(counts_in(value_of(search_fit(counts, 215, ten_each)).points),
              ElementsAre(16, 13, 12, 11, 10, 9));
  EXPECT_THAT(counts_in(value_of(search_fit(counts, 260, ten_each)).points),
              ElementsAre(16, 15, 14));
  EXPECT_THAT(counts_in(value_of(search_fit(counts, 10, ten_each)).points),
              ElementsAre(16, 10, 9, 8));
  expect_error(search_fit(counts, 1,
                          [](std::uint32_t) -> Result<FitPoint> {
                            return fail(Code::kEngine, "no prediction");
                          }),
               Code::kEngine, "no prediction");
}

// The weights are what the file says, so that a hollow child is told from its parent.
class Weighing : public FakeLibrary {
 public:
  Result<std::vector<std::vector<DeviceMemory>>> predict_memory(
      const EngineOptions& options, std::span<const std::uint32_t> contexts) const override {
    COE_TRY(const auto model, open_model(options.model, silent_observer()));
    DeviceMemory host{.device = "CPU", .is_host = true, .kv_cache = contexts[0], .compute = 7};
    for (const auto& tensor : model.file.header().tensors) host.weights += tensor.n_bytes;
    std::vector<std::vector<DeviceMemory>> out = {{host}};
    if (has_gpu) {
      out[0][0].device = "GPU0";
      out[0][0].is_host = false;
      out[0].push_back({.device = "CPU", .is_host = true, .weights = 1U << 30});
    }
    return out;
  }
  bool has_gpu = false;
};

class FitKeep : public ::testing::Test {
 protected:
  Fit fit(std::uint32_t n_ctx, std::uint64_t budget, std::uint32_t n_cpu_moe = 0) {
    FitOptions options;
    options.n_ctx = n_ctx;
    options.budget = budget;
    options.engine.n_cpu_moe = n_cpu_moe;
    options.engine.model =
        write_tiny(dir_ / "m.gguf", tiny_moe({.n_expert = 8, .n_expert_used = 2}));
    const auto model = value_of(open_model(options.engine.model, silent_observer()));
    weights_ = 0;
    for (const auto& tensor : model.file.header().tensors) weights_ += tensor.n_bytes;
    expert_ = model.moe.expert_bytes();
    return value_of(fit_keep(library_, model, options, silent_observer()));
  }
  coe::testing::TempDir dir_;
  Weighing library_;
  std::uint64_t weights_ = 0;
  std::uint64_t expert_ = 0;  // of all layers, routers included
};

TEST_F(FitKeep, CountsWeightsCacheAndCompute) {
#ifdef COE_SANITIZED
  GTEST_SKIP() << "the sanitizer keeps memory of its own beside what is allocated";
#endif
  fit(16, 1);
  // A process takes some pages more or less: half an expert is room for them.
  const auto all = weights_ + 16 + 7 + expert_ / 2;
  EXPECT_EQ(fit(16, all).n_keep, 8U);
  EXPECT_EQ(fit(16, all - expert_).n_keep, 7U);
  EXPECT_EQ(fit(16, all - 3 * expert_).n_keep, 5U);
  EXPECT_EQ(fit(16, all - 7 * expert_).n_keep, std::nullopt);
  const auto found = fit(100000, all);
  EXPECT_EQ(found.n_ctx, 512U);  // as long as it was trained for
}

TEST_F(FitKeep, ExpertsOnTheHostTakeNothingOfTheBudget) {
  fit(16, 1);
  const auto all = weights_ + 16 + 7;
  const auto found = fit(16, all, 1);  // of two layers
  const auto& parent = found.points.front();
  EXPECT_EQ(parent.on_device.weights + parent.beside, weights_);
  // Half of the experts, but for their rows of the router: 32 F32 for each expert.
  EXPECT_EQ(parent.beside, 8 * (expert_ / 2 - 32 * 4));
}

TEST_F(FitKeep, WhereThereIsAGpuItsOwnPredictionCounts) {
  library_.has_gpu = true;
  library_.space = {{"GPU0", "a card", 1000, 900}};
  fit(16, 1);
  const auto found = fit(16, weights_ + 16 + 7);
  EXPECT_EQ(found.n_keep, 8U);
  EXPECT_EQ(found.points.front().on_device.device, "GPU0");
  EXPECT_EQ(found.points.front().on_device.weights, weights_);
}

}  // namespace
}  // namespace coe
