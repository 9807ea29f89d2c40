// A model that runs all its experts and sums up those it uses is still the same model: its logits
// are equal to the bit. And what is told of the others is right.
#include "coe/base/rng.h"
#include "coe/engine/engine.h"
#include "coe/engine/llama/llama_engine.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include "support/arch_models.h"
#include "support/expect.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::testing {
namespace {

struct Case {
  ArchModelSpec spec;
  std::string variant;
  std::uint32_t n_candidate = 0;

  std::string name() const {
    auto name = spec.architecture + (variant.empty() ? "" : "_" + variant);
    std::ranges::replace_if(
        name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
    return name;
  }
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name(); }

Case make_case(std::string_view architecture, std::string variant, std::uint32_t n_candidate) {
  Case c;
  c.spec.architecture = architecture;
  c.spec.n_expert_used = 4;
  c.variant = std::move(variant);
  c.n_candidate = n_candidate;
  return c;
}

// Every way in which weights follow from a router: softmax with and without renormalisation,
// sigmoid with a selection bias, scaled, groups, softmax over the chosen, and quantised experts,
// whose products are computed row by row.
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto* name : {"gemma4", "qwen3moe", "olmoe", "qwen2moe", "gpt-oss", "deepseek2",
                           "glm4moe", "dots1", "ernie4_5-moe", "mimo2", "minimax-m2", "llama",
                           "phimoe", "bailingmoe2", "lfm2moe", "qwen35moe", "smallthinker"})
    all.push_back(make_case(name, "", 16));
  for (const auto* name : {"gemma4", "gpt-oss", "deepseek2"})
    all.push_back(make_case(name, "half", 8));
  for (const auto* type : {"Q4_0", "Q8_0"}) {
    all.push_back(make_case("gemma4", type, 16));
    all.back().spec.expert_type = type;
  }
  all.push_back(make_case("gemma4", "merged", 16));
  all.back().spec.merged_gate_up = true;
  for (const auto* name : {"deepseek2", "bailingmoe2", "glm4moe"}) {
    all.push_back(make_case(name, "groups", 8));
    all.back().spec.n_group = 4;
    all.back().spec.n_group_used = 2;
  }
  all.push_back(make_case("deepseek2", "softmax", 16));
  all.back().spec.gating = 1;
  all.push_back(make_case("dots1", "softmax_of_selected", 16));
  all.back().spec.gating = 3;
  all.push_back(make_case("gpt-oss", "mxfp4", 16));
  all.back().spec.expert_type = "MXFP4";
  return all;
}

class Logits : public LogitsObserver {
 public:
  void on_logits(const LogitsView& view) override {
    values.insert(values.end(), view.logits.begin(), view.logits.end());
  }
  std::vector<float> values;
};

// Ids and weights of the chosen, by layer, as the model itself has them.
class Routing : public RoutingObserver {
 public:
  void on_routing(const LayerRouting& routing) override {
    auto& layer = layers[routing.layer];
    layer.first.insert(layer.first.end(), routing.ids.begin(), routing.ids.end());
    layer.second.insert(layer.second.end(), routing.weights.begin(), routing.weights.end());
    auto& norm = norms[routing.layer];
    norm.first.insert(norm.first.end(), routing.output_norms.begin(), routing.output_norms.end());
    norm.second.insert(norm.second.end(), routing.moe_norms.begin(), routing.moe_norms.end());
  }
  std::map<LayerId, std::pair<std::vector<std::int32_t>, std::vector<float>>> layers;
  std::map<LayerId, std::pair<std::vector<float>, std::vector<float>>> norms;
};

// Holds what is told of the candidates against the model's own routing.
class Candidates : public CandidateObserver {
 public:
  explicit Candidates(const Routing& routing, std::uint32_t n_used)
      : routing_(routing), n_used_(n_used) {}

  void on_candidates(const CandidateView& view) override {
    const std::size_t m = view.n_candidate;
    for (std::size_t t = 0; t < view.n_token; ++t) {
      SCOPED_TRACE(fmt::format("layer {}, token {}", view.layer.value, view.first_token + t));
      check_token(view, view.first_token + t, view.ids.subspan(t * m, m),
                  view.weights.subspan(t * m, m), view.gram.subspan(t * m * (m + 1) / 2));
      if (view.channel_gram.empty()) continue;
      for (std::size_t i = 0; i < m * (m + 1) / 2; ++i) {
        const std::size_t at = t * m * (m + 1) / 2 + i;
        EXPECT_FLOAT_EQ(view.channel_gram[at], 4.0F * view.gram[at]);  // all channels weigh 4
      }
    }
    n_token += view.n_token;
  }
  std::size_t n_token = 0;

 private:
  void check_token(const CandidateView& view, std::size_t token, std::span<const std::int32_t> ids,
                   std::span<const float> raw, std::span<const float> gram) const {
    const auto& [own_ids, own_weights] = routing_.layers.at(view.layer);
    const auto& [own_norms, moe_norms] = routing_.norms.at(view.layer);
    ASSERT_GE(own_ids.size(), (token + 1) * n_used_);
    ASSERT_GE(own_norms.size(), (token + 1) * n_used_);
    ASSERT_GE(ids.size(), n_used_);
    ASSERT_EQ(raw.size(), ids.size());
    ASSERT_GE(gram.size(), ids.size() * (ids.size() + 1) / 2);
    std::vector<std::int32_t> sorted(ids.begin(), ids.end());
    std::ranges::sort(sorted);
    EXPECT_EQ(std::ranges::adjacent_find(sorted), sorted.end());
    double sum = 0.0;
    for (std::uint32_t k = 0; k < n_used_; ++k) sum += raw[k];
    double output = 0.0;
    std::vector<double> weights;
    for (std::uint32_t k = 0; k < n_used_; ++k) {
      const std::size_t at = token * n_used_ + k;
      EXPECT_EQ(ids[k], own_ids[at]);
      const double divisor = view.renormalisation == Renormalisation::kOverSelected ? sum : 1.0;
      weights.push_back(view.scale * raw[k] / divisor);
      EXPECT_NEAR(weights.back(), own_weights[at], 1e-5 * std::abs(own_weights[at]) + 1e-7);
      EXPECT_NEAR(std::sqrt(gram[k * (k + 1) / 2 + k]), own_norms[at], 1e-4 * own_norms[at]);
      for (std::uint32_t j = 0; j <= k; ++j)
        output += (j == k ? 1 : 2) * weights[j] * weights[k] * gram[k * (k + 1) / 2 + j];
    }
    if (moe_norms.empty()) return;  // smallthinker's graph does not name the sum
    ASSERT_GE(moe_norms.size(), token + 1);
    EXPECT_NEAR(std::sqrt(std::max(output, 0.0)), moe_norms[token], 1e-3 * moe_norms[token]);
  }

  const Routing& routing_;
  std::uint32_t n_used_;
};

std::unique_ptr<Engine> open(const Path& model, std::uint32_t n_candidate) {
  EngineOptions options;
  options.model = model;
  options.n_batch = 16;  // several batches
  options.n_threads = 2;
  options.n_candidate = n_candidate;
  return value_of(open_llama_engine(options));
}

std::vector<std::int32_t> random_tokens(std::uint32_t n_vocab) {
  Rng rng(7);
  std::vector<std::int32_t> tokens;
  for (int i = 0; i < 40; ++i) tokens.push_back(static_cast<std::int32_t>(rng.below(n_vocab)));
  return tokens;
}

void expect_same_model(const Path& path, std::uint32_t n_candidate) {
  const auto plain = open(path, 0);
  const auto more = open(path, n_candidate);
  EXPECT_EQ(more->info().n_expert_used, plain->info().n_expert_used);
  EXPECT_EQ(more->info().n_candidate, n_candidate);
  const auto tokens = random_tokens(plain->info().n_vocab);
  Routing routing;
  Logits expected;
  DecodeRequest request;
  request.tokens = tokens;
  request.routing = &routing;
  request.outputs = true;
  request.logits = &expected;
  expect_ok(plain->decode(request));

  Candidates candidates(routing, plain->info().n_expert_used);
  CandidateRequest wanted{&candidates, {}};
  const std::size_t width = value_of(describe_moe(value_of(gguf::GgufFile::open(path)))).n_embd;
  std::size_t row = 0;
  for (const auto layer : plain->info().moe_layers)
    wanted.layers[layer] = std::vector<float>(++row % 2 == 0 ? 0 : width, 4.0F);
  Logits seen;
  request.routing = nullptr;
  request.outputs = false;
  request.logits = &seen;
  request.candidates = &wanted;
  expect_ok(more->decode(request));
  ASSERT_EQ(expected.values.size(), seen.values.size());
  EXPECT_EQ(
      std::memcmp(expected.values.data(), seen.values.data(), seen.values.size() * sizeof(float)),
      0);
  EXPECT_EQ(candidates.n_token, tokens.size() * plain->info().moe_layers.size());
}

class CandidateModels : public ::testing::TestWithParam<Case> {};

TEST_P(CandidateModels, GiveTheLogitsOfTheModelAsItIs) {
  const TempDir folder;
  const auto path = write_arch_model(folder / "model.gguf", GetParam().spec);
  expect_same_model(path, GetParam().n_candidate);
}

INSTANTIATE_TEST_SUITE_P(Models, CandidateModels, ::testing::ValuesIn(cases()),
                         [](const auto& tested) { return tested.param.name(); });

TEST(Candidates, OfTheBundledModelLeaveItsLogits) {
  expect_same_model(Path(COE_SOURCE_DIR) / "models" / "gemma4-tiny-moe-q4_k_m.gguf", 64);
}

Result<std::unique_ptr<Engine>> try_open(const Path& model, std::uint32_t n_candidate) {
  EngineOptions options;
  options.model = model;
  options.n_threads = 1;
  options.n_candidate = n_candidate;
  return open_llama_engine(options);
}

TEST(Candidates, AreRefusedWhereTheyCannotBeHad) {
  const TempDir folder;
  for (const auto& [name, why] : {std::pair{"llama4", "router weights scale what experts read"},
                                  std::pair{"grovemoe", "experts share chunks"},
                                  std::pair{"kimi-linear", "does not run all experts"}}) {
    ArchModelSpec spec;
    spec.architecture = name;
    const auto path = write_arch_model(folder / fmt::format("{}.gguf", name), spec);
    expect_error(try_open(path, 8), Code::kUnsupported, why);
  }
}

TEST(Candidates, AreRefusedWhereLayersUseDifferentNumbers) {
  const TempDir folder;
  ArchModelSpec spec;
  spec.architecture = "nemotron_h_moe";
  spec.uneven_layers = true;
  const auto path = write_arch_model(folder / "model.gguf", spec);
  expect_error(try_open(path, 8), Code::kUnsupported, "nemotron_h_moe.expert_used_count");
}

TEST(Candidates, MustBeAtLeastTheExpertsUsed) {
  const TempDir folder;
  ArchModelSpec spec;
  spec.architecture = "qwen3moe";
  spec.n_expert_used = 4;
  const auto path = write_arch_model(folder / "model.gguf", spec);
  expect_error(try_open(path, 3), Code::kInvalidArgument, "3 candidates are fewer than the 4");
}

TEST(Candidates, GoWithAnEngineThatWasOpenedForThem) {
  const TempDir folder;
  ArchModelSpec spec;
  spec.architecture = "qwen3moe";
  const auto path = write_arch_model(folder / "model.gguf", spec);
  const Routing none;
  Candidates candidates(none, 2);
  CandidateRequest wanted{&candidates, {}};
  const std::vector<std::int32_t> tokens = {1, 2, 3};
  DecodeRequest request;
  request.tokens = tokens;
  request.candidates = &wanted;
  expect_error(open(path, 0)->decode(request), Code::kInvalidArgument, "not opened for candidates");
  const auto engine = open(path, 4);
  wanted.layers[LayerId{77}] = {};
  expect_error(engine->decode(request), Code::kInvalidArgument, "layer 77");
  wanted.layers = {{LayerId{0}, std::vector<float>(3)}};
  expect_error(engine->decode(request), Code::kInvalidArgument, "layer 0");
  wanted.layers.clear();
  Routing routing;
  request.routing = &routing;
  expect_error(engine->decode(request), Code::kInvalidArgument, "neither reports routing");
}

}  // namespace
}  // namespace coe::testing
