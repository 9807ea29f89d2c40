// Healing of models of every architecture: what a layer computes is what its tensors say to coe, or
// it is refused with the reason.
#include "coe/base/observer.h"
#include "coe/child/heal/gather.h"
#include "coe/engine/llama/ggml_values.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/masked/virtual_surgery.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include "engine/open_engine.h"
#include "support/arch_models.h"
#include "support/expect.h"
#include "support/temp_dir.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::testing {
namespace {

class ArchHeal : public ::testing::TestWithParam<std::string_view> {
 protected:
  // Gathers a few tokens, which holds the formula to what the engine gives.
  Status gather() {
    const auto path =
        write_arch_model(dir_ / "model.gguf", {.architecture = std::string(GetParam())});
    const auto file = value_of(gguf::GgufFile::open(path));
    const auto moe = value_of(describe_moe(file));
    std::vector<LayerId> layers;
    std::vector<Block> blocks;
    std::map<LayerId, std::vector<ExpertId>> kept;
    for (const auto& layer : moe.layers) {
      COE_TRY(auto block, read_block(file, moe, layer.id, ggml_values()));
      layers.push_back(layer.id);
      blocks.push_back(std::move(block));
    }
    for (const auto* some : {&moe.layers, &moe.mtp_layers})
      for (const auto& layer : *some)
        for (std::uint32_t e = 0; e < moe.n_expert; e += 2) kept[layer.id].push_back(ExpertId{e});
    const auto mask = value_of(KeepMask::create(moe.n_expert, std::move(kept)));
    COE_TRY(const auto filter, virtual_surgery(mask, file, moe));
    const auto engine = open_single_threaded(path);
    Stretches stretches(1);
    for (std::int32_t i = 0; i < 24; ++i) stretches[0].push_back((7 * i + 5) % 60);
    auto store = value_of(TokenStore::open(dir_ / "tokens.bin", {layers.size(), 24, moe.n_embd},
                                           ggml_values(), ggml_blocks()));
    return gather_tokens(
        *engine, filter, layers, blocks, stretches, 0, store,
        [](std::size_t) -> Status { return {}; }, silent_observer());
  }

  TempDir dir_;
};

// What each refusal says; architectures that are not named can be healed.
std::string refusal_of(std::string_view architecture) {
  static const std::map<std::string_view, std::vector<std::string_view>> kArchitectures = {
      {"no dense FFN and no shared expert",
       {"arctic",         "dbrx",           "gpt-oss",   "granite_swa", "grok",        "grovemoe",
        "jamba",          "lfm2moe",        "llada-moe", "llama",       "llama-embed", "maple",
        "mellum",         "mimo2",          "minicpm",   "minimax-01",  "minimax-m2",  "mistral3",
        "nemotron_h_moe", "nomic-bert-moe", "olmoe",     "phimoe",      "qwen3moe",    "qwen3vlmoe",
        "rnd1",           "smallthinker"}},
      {"does not name the stream that enters its FFN",
       {"bailingmoe2", "bailingmoe3", "deepseek4", "dflash", "hy_v4", "kimi-k3"}},
      {"no norm between attention and FFN", {"cohere2moe", "qwen4exp"}},
      {"norms behind the FFN are not those of Gemma 4", {"afmoe"}},
      {"does not compute what its tensors say", {"minimax-m3"}},
      {"names the output of none", {"step35"}},
  };
  for (const auto& [refusal, names] : kArchitectures)
    if (std::ranges::find(names, architecture) != names.end()) return std::string(refusal);
  return {};
}

TEST_P(ArchHeal, ComputesWhatItsTensorsSayOrIsRefused) {
  const auto refusal = refusal_of(GetParam());
  if (refusal.empty())
    expect_ok(gather());
  else
    expect_error(gather(), Code::kUnsupported, refusal);
}

INSTANTIATE_TEST_SUITE_P(All, ArchHeal, ::testing::ValuesIn(arch_model_names()),
                         [](const auto& param) {
                           std::string name(param.param);
                           std::ranges::replace_if(
                               name, [](char c) { return c == '-' || c == '.'; }, '_');
                           return name;
                         });

}  // namespace
}  // namespace coe::testing
