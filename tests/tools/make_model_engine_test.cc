// llama.cpp loads a synthetic model of every shape and computes with it.
#include "coe/engine/llama/llama_engine.h"

#include "make_model/shape.h"
#include "make_model/write.h"
#include "support/expect.h"
#include "support/temp_dir.h"

#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace coe::tools {
namespace {

using coe::testing::expect_ok;
using coe::testing::TempDir;
using coe::testing::value_of;

class CountsLogits : public LogitsObserver {
 public:
  void on_logits(const LogitsView& view) override {
    n_position += view.n_token;
    for (const float logit : view.logits) all_finite = all_finite && std::isfinite(logit);
    varied = varied || view.of(0).front() != view.of(0).back();
  }
  std::uint32_t n_position = 0;
  bool all_finite = true;
  bool varied = false;
};

class CountsRouting : public RoutingObserver {
 public:
  void on_routing(const LayerRouting& routing) override {
    n_choice += routing.n_token * routing.n_used;
  }
  std::uint64_t n_choice = 0;
};

// Loads the model, tokenizes where it has a vocabulary, and runs eight tokens.
void expect_decodes(const Path& path, bool vocabulary) {
  auto engine = value_of(open_llama_engine({.model = path, .n_ctx = 64, .n_threads = 2}));
  const auto& info = engine->info();
  std::vector<std::int32_t> tokens = {1, 20, 300, 301, 302, 303, 304, 999};
  if (vocabulary) {
    const auto text = value_of(engine->tokenize("notes at noon"));
    ASSERT_FALSE(text.empty());
  }
  CountsLogits logits;
  CountsRouting routing;
  DecodeRequest request;
  request.tokens = tokens;
  request.logits = &logits;
  request.routing = &routing;
  expect_ok(engine->decode(request));
  EXPECT_EQ(logits.n_position, 8);
  EXPECT_TRUE(logits.all_finite);
  EXPECT_TRUE(logits.varied);
  EXPECT_EQ(routing.n_choice, 8U * info.n_expert_used * info.moe_layers.size());
}

class MakeModelEngine : public ::testing::TestWithParam<std::string> {
 protected:
  // The fewest experts that every shape can have but eight, which llama-quantize treats apart.
  static SyntheticModel small(const std::string& shape, bool vocabulary) {
    return value_of(build_model(
        {.shape = shape, .n_layer = 2, .n_expert = 12, .n_vocab = 2000, .vocabulary = vocabulary}));
  }
  TempDir dir_;
};

TEST_P(MakeModelEngine, LoadsAndDecodes) {
  value_of(write_model(small(GetParam(), true), {.output = dir_ / "model.gguf"}));
  expect_decodes(dir_ / "model.gguf", true);
}

INSTANTIATE_TEST_SUITE_P(Shapes, MakeModelEngine, ::testing::ValuesIn(shape_names()),
                         [](const auto& shape) {
                           std::string name = shape.param;
                           std::erase_if(name, [](char c) { return std::isalnum(c) == 0; });
                           return name;
                         });

TEST_F(MakeModelEngine, LoadsShardsWithoutVocabulary) {
  const auto shards =
      value_of(write_model(small("qwen3-30b-a3b", false),
                           {.output = dir_ / "model.gguf", .split_max_bytes = 30'000'000}));
  ASSERT_GT(shards.size(), 1U);
  expect_decodes(shards.front().path, false);
}

}  // namespace
}  // namespace coe::tools
