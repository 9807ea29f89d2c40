// The engine on the bundled model: routing is whole, batches agree, virtual surgery equals the
// sliced file.
#include "coe/engine/llama/llama_engine.h"

#include "coe/base/observer.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/plan.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/reasoning.h"
#include "coe/engine/llama/llama_library.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/recipe/recipe.h"
#include "coe/measure/eval/eval.h"
#include "coe/model/moe/model.h"
#include "coe/profile/profile.h"
#include "coe/profile/routing/stats.h"

#include "engine/open_engine.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace coe {
namespace {

using ::coe::testing::open_single_threaded;
using ::testing::HasSubstr;

constexpr const char* kModel = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";

// Reasoning problems in the family's chat form, and some prose: text every checkout has.
Corpus small_corpus() {
  Corpus corpus;
  corpus.domains.push_back({"prose", 1.0, {}});
  corpus.domains.push_back({"reasoning", 1.0, {}});
  std::size_t i = 0;
  for (const auto& p : generate_reasoning(7, 24)) {
    corpus.domains[1].records.push_back(
        {fmt::format(
             "<|turn>user\n{}<turn|>\n<|turn>model\n<|channel>thought\n{}\n<channel|>{}<turn|>\n",
             p.problem, p.thinking, p.solution),
         fmt::format("generated:{}", i)});
    corpus.domains[0].records.push_back(
        {fmt::format("The {} road from the harbour climbs slowly past old stone houses. Nobody "
                     "knows who built "
                     "them, or why {} of them stand empty in the autumn, when the wind turns.",
                     p.family, i + 2),
         fmt::format("written:{}", i)});
    ++i;
  }
  return corpus;
}

class LlamaEngineTest : public ::testing::Test {
 protected:
  static RoutingStats profile(Engine& engine, const ProfileOptions& options) {
    const auto file = gguf::GgufFile::open(kModel);
    const auto model = describe_moe(*file);
    auto stats = run_profile(engine, *model, small_corpus(), options, silent_observer());
    if (!stats) ADD_FAILURE() << stats.error().message;
    return *stats;
  }
};

// Who watches the loading may stop it; afterwards the same model loads.
TEST_F(LlamaEngineTest, LoadingCanBeStopped) {
  class Stopping : public Observer {
   public:
    bool cancelled() override { return is_stopped; }
    bool is_stopped = true;
  };
  Stopping observer;
  const auto& library = llama_library();
  library.watch_loading(&observer);
  EngineOptions options;
  options.model = kModel;
  const auto stopped = library.open(options);
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Code::kCancelled);
  EXPECT_THAT(stopped.error().message, HasSubstr("loading was stopped"));
  observer.is_stopped = false;
  EXPECT_TRUE(library.open(options));
  library.watch_loading(nullptr);
}

TEST_F(LlamaEngineTest, DescribesTheBundledModel) {
  const auto engine = open_single_threaded(kModel, 512);
  ASSERT_NE(engine, nullptr);
  const auto& info = engine->info();
  EXPECT_EQ(info.architecture, "gemma4");
  EXPECT_EQ(info.n_expert, 128U);
  EXPECT_EQ(info.n_expert_used, 8U);
  EXPECT_EQ(info.n_vocab, 8192U);
  EXPECT_EQ(info.n_ctx, 2048U);
  EXPECT_EQ(info.bos_token, 2);
  EXPECT_THAT(info.moe_layers,
              ::testing::ElementsAre(LayerId{0}, LayerId{1}, LayerId{2}, LayerId{3}, LayerId{4},
                                     LayerId{5}, LayerId{6}, LayerId{7}));
}

TEST_F(LlamaEngineTest, TokenizesSpecialTokensAndOneBos) {
  const auto engine = open_single_threaded(kModel, 512);
  const auto tokens = engine->tokenize("<|turn>user\nhello<turn|>");
  ASSERT_TRUE(tokens);
  EXPECT_EQ(tokens->front(), 2);
  EXPECT_EQ((*tokens)[1], 105);
  EXPECT_EQ(tokens->back(), 106);
  const auto spelled = engine->tokenize("<bos><|turn>user\nhello<turn|>");
  ASSERT_TRUE(spelled);
  EXPECT_EQ(*spelled, *tokens);
}

TEST_F(LlamaEngineTest, RefusesWhatIsNoModel) {
  const auto path = Path(::testing::TempDir()) / "no-model.gguf";
  std::ofstream(path) << "not a model";
  EngineOptions options;
  options.model = path;
  const auto engine = open_llama_engine(options);
  ASSERT_FALSE(engine);
  EXPECT_EQ(engine.error().code, Code::kEngine);
  EXPECT_THAT(engine.error().message, HasSubstr("no-model.gguf"));
}

TEST_F(LlamaEngineTest, RefusesOptionsThatTheEngineOnlyAsserts) {
  EngineOptions options;
  options.model = kModel;
  options.n_ctx = 1;
  auto opened = open_llama_engine(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kInvalidArgument);
  EXPECT_EQ(opened.error().message, "a context of 1 tokens (at least 2)");
  options.n_ctx = 64;
  options.n_threads = 100'000;
  opened = open_llama_engine(options);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().message, "100000 threads (at most 512)");
}

TEST_F(LlamaEngineTest, EveryTokenIsRoutedAtEveryLayer) {
  const auto engine = open_single_threaded(kModel, 512);
  const auto stats = profile(*engine, {});
  ASSERT_GT(stats.n_token(), 1000);
  for (const auto& domain : stats.domains) {
    for (std::size_t layer = 0; layer < stats.shape.n_layer(); ++layer) {
      std::int64_t sum = 0;
      double weights = 0.0;
      for (std::size_t e = 0; e < stats.shape.n_expert; ++e) {
        for (std::size_t k = 0; k < stats.shape.n_expert_used; ++k) {
          sum += domain.histograms[stats.shape.at(layer, e, k)];
          weights += domain.weight_sum[stats.shape.at(layer, e, k)];
        }
      }
      EXPECT_EQ(sum, domain.n_token * 8) << domain.name << " layer " << layer;
      // gemma4 renormalises: a token's eight weights sum to one, each in float.
      EXPECT_NEAR(weights, static_cast<double>(domain.n_token),
                  1e-6 * static_cast<double>(domain.n_token));
      EXPECT_GT(domain.moe_ratio[layer], 0.0);
    }
  }
}

TEST_F(LlamaEngineTest, TwoShardsMergeToTheWhole) {
  const auto engine = open_single_threaded(kModel, 512);
  const auto whole = profile(*engine, {});
  auto merged = profile(*engine, {.shard = 0, .n_shard = 2});
  ASSERT_TRUE(merge_into(merged, profile(*engine, {.shard = 1, .n_shard = 2})));
  ASSERT_EQ(merged.domains.size(), whole.domains.size());
  for (std::size_t d = 0; d < whole.domains.size(); ++d) {
    EXPECT_EQ(merged.domains[d].n_token, whole.domains[d].n_token);
    EXPECT_EQ(merged.domains[d].histograms, whole.domains[d].histograms);
    for (std::size_t i = 0; i < whole.domains[d].weight_sum.size(); ++i)
      ASSERT_NEAR(merged.domains[d].weight_sum[i], whole.domains[d].weight_sum[i],
                  1e-9 * (1.0 + whole.domains[d].weight_sum[i]));
  }
}

TEST_F(LlamaEngineTest, BatchSizeChangesOnlyNearTies) {
  const auto large = open_single_threaded(kModel, 512);
  const auto small = open_single_threaded(kModel, 16);
  const auto a = profile(*large, {});
  const auto b = profile(*small, {});
  std::int64_t moved = 0;
  for (std::size_t d = 0; d < a.domains.size(); ++d) {
    EXPECT_EQ(a.domains[d].n_token, b.domains[d].n_token);
    for (std::size_t i = 0; i < a.domains[d].histograms.size(); ++i)
      moved += std::abs(a.domains[d].histograms[i] - b.domains[d].histograms[i]);
  }
  // Each changed choice leaves one cell and enters another. Other kernels, other rounding: a few in
  // a thousand.
  const auto choices = static_cast<double>(a.n_token()) * 8 * 8;
  EXPECT_LT(static_cast<double>(moved) / 2 / choices, 0.005) << moved << " cells of " << choices;
}

// The property that makes virtual surgery trustworthy, and surgery itself.
TEST_F(LlamaEngineTest, VirtualSurgeryEqualsTheSlicedFile) {
  auto parent = open_single_threaded(kModel, 512);
  const auto stats = profile(*parent, {});
  MaskRecipe recipe;
  recipe.n_keep = 64;
  const auto built = build_mask(stats, recipe);
  ASSERT_TRUE(built) << built.error().message;

  const auto file = gguf::GgufFile::open(kModel);
  const auto model = describe_moe(*file);
  const auto plan = plan_surgery(*file, *model, built->mask, {});
  ASSERT_TRUE(plan) << plan.error().message;
  const auto child_path = Path(::testing::TempDir()) / "virtual-equals-sliced.gguf";
  ASSERT_TRUE(apply_plan(*file, *plan, child_path, Overwrite::kAllow, silent_observer()));

  const auto child = open_single_threaded(child_path, 512);
  ASSERT_NE(child, nullptr);
  EXPECT_EQ(child->info().n_expert, 64U);
  const ExpertFilter filter = {.kept = built->mask.layers(), .substitutes = {}};
  const EvalSubject sliced{child.get(), nullptr};
  const EvalSubject masked{parent.get(), &filter};
  const auto reports = evaluate({&sliced, 1}, &masked, small_corpus(), {}, silent_observer());
  ASSERT_TRUE(reports) << reports.error().message;
  const auto total = reports->front().total();
  // Not a bit differs: the same kernels see the same numbers.
  EXPECT_EQ(total.logit_diff_max, 0.0);
  EXPECT_EQ(total.kl_mean(), 0.0);
  EXPECT_EQ(total.top1_agreement(), 1.0);
  // And the mask does something: without it the answers differ.
  const EvalSubject whole{parent.get(), nullptr};
  const auto unmasked = evaluate({&sliced, 1}, &whole, small_corpus(), {}, silent_observer());
  ASSERT_TRUE(unmasked);
  EXPECT_GT(unmasked->front().total().kl_mean(), 1e-3);
  std::filesystem::remove(child_path);
}

TEST_F(LlamaEngineTest, RefusesSequencesThatDoNotFit) {
  const auto engine = open_single_threaded(kModel, 512);
  DecodeRequest request;
  EXPECT_EQ(engine->decode(request).error().code, Code::kInvalidArgument);
  const std::vector<std::int32_t> tokens(2049, 5);
  request.tokens = tokens;
  const auto status = engine->decode(request);
  ASSERT_FALSE(status);
  EXPECT_THAT(status.error().message, HasSubstr("2049 tokens"));
}

}  // namespace
}  // namespace coe
