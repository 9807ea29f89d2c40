// First blocks on every architecture that they can be cut of: a tiny random parent, decoded by
// llama.cpp, must choose in its first layers what they choose alone, with the same weights to the
// bit. All that a layer sees comes from the blocks before it.
#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/rng.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/first_blocks.h"
#include "coe/engine/engine.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include "engine/open_engine.h"
#include "support/arch_models.h"
#include "support/expect.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace coe::testing {
namespace {

struct Chosen {
  std::vector<std::int32_t> ids;
  std::vector<float> weights;
  bool operator==(const Chosen&) const = default;
};

class Choices : public RoutingObserver {
 public:
  void on_routing(const LayerRouting& routing) override {
    auto& layer = layers[routing.layer];
    layer.ids.insert(layer.ids.end(), routing.ids.begin(), routing.ids.end());
    layer.weights.insert(layer.weights.end(), routing.weights.begin(), routing.weights.end());
  }
  std::map<LayerId, Chosen> layers;
};

std::map<LayerId, Chosen> choices_of(const Path& model) {
  Rng rng(24);
  std::vector<std::int32_t> tokens(24);
  for (auto& token : tokens) token = static_cast<std::int32_t>(rng.below(kArchVocabulary));
  Choices choices;
  DecodeRequest request;
  request.tokens = tokens;
  request.routing = &choices;
  const auto engine = open_single_threaded(model);
  if (engine != nullptr) expect_ok(engine->decode(request));
  return choices.layers;
}

std::vector<std::string_view> architectures() {
  std::vector<std::string_view> names;
  for (const auto name : arch_model_names())
    if (has_first_blocks(name)) names.push_back(name);
  return names;
}

class FirstBlocksOf : public ::testing::TestWithParam<std::string_view> {};

TEST_P(FirstBlocksOf, ChooseWhatTheParentDoes) {
  const TempDir folder;
  const auto parent =
      write_arch_model(folder / "parent.gguf", {.architecture = std::string(GetParam())});
  const auto file = value_of(gguf::GgufFile::open(parent));
  const auto model = value_of(describe_moe(file));
  const auto whole = choices_of(parent);
  // All layers but the last, so that something is cut.
  ASSERT_GE(model.layers.size(), 2U);
  for (std::size_t n_layer = 1; n_layer < model.layers.size(); ++n_layer) {
    const auto n_block = value_of(blocks_of_layers(model, n_layer));
    const auto plan_or = plan_first_blocks(file, model, n_block);
    if (GetParam() == "gemma4" && n_block == 1) {  // the test model's first block has no window
      expect_error(plan_or, Code::kInvalidArgument, "sliding window");
      continue;
    }
    const auto plan = value_of(plan_or);
    const auto path = folder / "blocks.gguf";
    expect_ok(apply_plan(file, plan, path, Overwrite::kAllow, silent_observer()));
    const auto first = choices_of(path);
    ASSERT_EQ(first.size(), n_layer);
    for (const auto& [layer, chosen] : first) {
      EXPECT_FALSE(chosen.ids.empty());
      EXPECT_EQ(chosen.ids, whole.at(layer).ids) << layer.value;
      EXPECT_EQ(chosen.weights, whole.at(layer).weights) << layer.value;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Models, FirstBlocksOf, ::testing::ValuesIn(architectures()), [](const auto& tested) {
      std::string name(tested.param);
      std::ranges::replace_if(
          name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
      return name;
    });

TEST(FirstBlocksNames, HaveATestModelEach) { EXPECT_EQ(architectures().size(), 22U); }

}  // namespace
}  // namespace coe::testing
