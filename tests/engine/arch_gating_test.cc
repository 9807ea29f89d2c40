// What moe/ says of an architecture's router is what llama.cpp's graph computes.
#include "coe/engine/llama/graph_observer.h"
#include "coe/engine/llama/graph_plan.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/arch_table.h"
#include "coe/model/moe/model.h"

#include "support/arch_models.h"
#include "support/expect.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <llama.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace coe::testing {
namespace {

struct ModelDeleter {
  void operator()(llama_model* model) const { llama_model_free(model); }
};
struct ContextDeleter {
  void operator()(llama_context* context) const { llama_free(context); }
};

// The nodes of one pass of two tokens.
Census census_of(const Path& path) {
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  auto model_params = llama_model_default_params();
  model_params.n_gpu_layers = 0;
  const std::unique_ptr<llama_model, ModelDeleter> model(
      llama_model_load_from_file(path.c_str(), model_params));
  GraphObserver observer;
  auto params = llama_context_default_params();
  params.n_ctx = 32;
  params.cb_eval = GraphObserver::on_node;
  params.cb_eval_user_data = &observer;
  const std::unique_ptr<llama_context, ContextDeleter> context(
      llama_init_from_model(model.get(), params));
  if (!context) throw std::runtime_error("no context for " + path.string());
  observer.begin_census();
  std::array<llama_token, 2> tokens = {3, 5};
  const int failed = llama_decode(context.get(), llama_batch_get_one(tokens.data(), 2));
  if (failed != 0) throw std::runtime_error("cannot decode " + path.string());
  return observer.end_census();
}

Gating gating_of(RouterOp op) {
  switch (op) {
    case RouterOp::kSoftmax:
      return Gating::kSoftmax;
    case RouterOp::kSigmoid:
      return Gating::kSigmoid;
    case RouterOp::kSqrtSoftplus:
      return Gating::kSqrtSoftplus;
    case RouterOp::kNone:
      return Gating::kSoftmaxWeight;
  }
  return Gating::kSoftmax;
}

// Each architecture with each value of expert_gating_func that loads: those that fix theirs must
// not heed it, those that have a default must take it when there is no key.
std::vector<ArchModelSpec> all_specs() {
  std::vector<ArchModelSpec> specs;
  for (const auto name : arch_model_names()) {
    const auto source = find_arch(name)->source;
    for (std::uint32_t gating = 0; gating <= 4; ++gating) {
      if (gating == 0 && source == GatingSource::kKeyRequired) continue;
      if (gating > 2 && source == GatingSource::kFixed) continue;
      ArchModelSpec spec;
      spec.architecture = name;
      spec.gating = gating;
      specs.push_back(std::move(spec));
    }
  }
  return specs;
}

std::string test_name(const ArchModelSpec& spec) {
  auto name = fmt::format("{}_{}", spec.architecture, spec.gating);
  std::ranges::replace_if(
      name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

class ArchGating : public ::testing::TestWithParam<ArchModelSpec> {};

TEST_P(ArchGating, IsWhatTheGraphComputes) {
  const auto& spec = GetParam();
  const TempDir folder;
  const auto path = write_arch_model(folder / "model.gguf", spec);
  const auto model = value_of(describe_moe(value_of(gguf::GgufFile::open(path))));
  bool biased = false;
  for (const auto& [layer, seen] : census_of(path)) {
    if (!seen.nodes.contains("ffn_moe_topk")) continue;
    EXPECT_EQ(gating_name(model.gating), gating_name(gating_of(seen.probs_op))) << layer;
    EXPECT_EQ(model.n_expert, seen.n_expert);
    EXPECT_EQ(model.n_expert_used, seen.n_used);
    // grovemoe gives this name to a second gating, by which it selects.
    biased =
        biased || (seen.nodes.contains("ffn_moe_probs_biased") && spec.architecture != "grovemoe");
  }
  EXPECT_EQ(model.selection_bias, biased);
}

INSTANTIATE_TEST_SUITE_P(Models, ArchGating, ::testing::ValuesIn(all_specs()),
                         [](const auto& tested) { return test_name(tested.param); });

}  // namespace
}  // namespace coe::testing
