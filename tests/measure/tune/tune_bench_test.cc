#include "coe/measure/tune/tune_bench.h"

#include "support/expect.h"
#include "support/fake_library.h"
#include "support/temp_dir.h"
#include "support/tiny_gguf.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::expect_error;
using ::coe::testing::FakeLibrary;
using ::coe::testing::value_of;

class TuneBenchTest : public ::testing::Test {
 protected:
  TuneBenchTest() {
    engine_.model = coe::testing::write_tiny(dir_ / "m.gguf", coe::testing::tiny_moe({}));
    text_.domains.push_back({"a", 1.0, {}});
    for (int i = 0; i < 4; ++i)
      text_.domains[0].records.push_back({"record " + std::to_string(i) + " of the text", "t"});
  }

  coe::testing::TempDir dir_;
  EngineOptions engine_;
  Corpus text_;
};

// All that a bench refers to must be the TuneBench's own: the caller's text is gone.
TEST_F(TuneBenchTest, HoldsTheParentAndTheText) {
  const FakeLibrary library;
  const auto held = value_of(
      TuneBench::open(library, engine_, std::move(text_), {.max_tokens = 9}, silent_observer()));
  EXPECT_EQ(library.n_opened, 1);
  const auto& bench = held->bench();
  EXPECT_EQ(&bench.file, &held->model().file);
  EXPECT_EQ(&bench.model, &held->model().moe);
  EXPECT_EQ(bench.model.n_expert, 8U);
  EXPECT_EQ(bench.eval.max_tokens, 9U);

  std::map<LayerId, std::vector<ExpertId>> kept;
  for (const auto& layer : bench.model.layers)
    kept[layer.id] = {ExpertId{0}, ExpertId{2}, ExpertId{4}, ExpertId{6}};
  const auto half = value_of(KeepMask::create(8, kept));
  const std::vector<const KeepMask*> masks = {&half};
  const auto evals = value_of(measure_masks(bench, masks, silent_observer()));
  ASSERT_EQ(evals.size(), 1U);
  EXPECT_EQ(evals[0].n_record, 4U);
  EXPECT_EQ(evals[0].n_token, 4U * 8U);  // nine tokens predict eight
  EXPECT_GT(evals[0].kl, 0.0);
}

TEST_F(TuneBenchTest, LooksAtTheFileBeforeTheEngine) {
  const FakeLibrary library;
  engine_.model = dir_ / "none.gguf";
  expect_error(TuneBench::open(library, engine_, text_, {}, silent_observer()), Code::kNotFound,
               "none.gguf");
  EXPECT_EQ(library.n_opened, 0);
}

TEST_F(TuneBenchTest, PassesOnThatNoEngineOpens) {
  const FakeLibrary library([](const EngineOptions&) -> Result<std::unique_ptr<Engine>> {
    return fail(Code::kEngine, "out of memory");
  });
  expect_error(TuneBench::open(library, engine_, text_, {}, silent_observer()), Code::kEngine,
               "out of memory");
}

}  // namespace
}  // namespace coe
