// Every accumulator of a profile against the slow reference (routing_reference.h), on the bundled
// model and on tiny random models of routers of every kind. Both sides run the same engine with the
// same batches, so on a CPU they see the same bits: histograms must be equal in every cell, sums
// within the bound that the reference derives for single precision. The only freedom: where two
// selection scores are nearer than rounding can tell, the reference follows the engine, and counts.
#include "engine/routing_reference.h"

#include "coe/base/observer.h"
#include "coe/base/rng.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/reasoning.h"
#include "coe/engine/engine.h"
#include "coe/engine/llama/llama_engine.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"
#include "coe/profile/profile.h"
#include "coe/profile/routing/stats.h"

#include "engine/raw_graph.h"
#include "support/arch_models.h"
#include "support/expect.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
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

// Ranks where rounding may decide, at most: one in a thousand choices.
constexpr double kMaxNearTies = 1e-3;
// The derived bounds must be small beside what they bound, or they prove nothing.
constexpr double kMaxBound = 1e-3;

// --- the comparison -----------------------------------------------------------------------------

// By accumulator: the largest |profile - reference| relative to the reference, and in units of its
// bound.
struct Deviation {
  double relative = 0.0;
  double of_bound = 0.0;
};
using Deviations = std::map<std::string, Deviation>;

void compare_sums(const std::string& name, std::span<const double> profile,
                  std::span<const Approx> reference, Deviation& deviation) {
  ASSERT_EQ(profile.size(), reference.size()) << name;
  double values = 0.0;
  double bounds = 0.0;
  for (std::size_t i = 0; i < profile.size(); ++i) {
    const auto& [value, error] = reference[i];
    const double difference = std::abs(profile[i] - value);
    values += std::abs(value);
    bounds += error;
    if (difference == 0.0) continue;
    EXPECT_LE(difference, error) << name << " [" << i << "]: " << profile[i] << " vs " << value;
    deviation.of_bound = std::max(deviation.of_bound, difference / error);
    deviation.relative = std::max(deviation.relative, difference / std::abs(value));
  }
  EXPECT_LE(bounds, kMaxBound * values) << name;
}

// `has_residual`: whether the reference knows the residual stream.
void compare_domain(const DomainStats& domain, const ReferenceDomain& reference, bool has_residual,
                    Deviations& deviations) {
  EXPECT_EQ(domain.n_token, reference.n_token);
  EXPECT_EQ(domain.n_sample, reference.n_sample);
  EXPECT_EQ(domain.histograms, reference.histograms);
  EXPECT_EQ(domain.coactivation, reference.coactivation);
  const auto compare = [&](const char* name, std::span<const double> profile,
                           std::span<const Approx> sums, bool is_filled = true) {
    compare_sums(name, profile, sums, deviations[name]);
    const bool any = std::ranges::any_of(sums, [](const auto& sum) { return sum.value != 0.0; });
    EXPECT_EQ(any, is_filled) << name << ": whether the reference has anything to compare";
  };
  compare("weight_sum", domain.weight_sum, reference.weight_sum);
  compare("freq_by_sample", domain.freq_by_sample, reference.freq_by_sample);
  compare("weight_mean_by_sample", domain.weight_mean_by_sample, reference.weight_mean_by_sample);
  compare("decisive", domain.decisive, reference.decisive);
  compare("output_norm", domain.output_norm, reference.output_norm);
  compare("gated_norm", domain.gated_norm, reference.gated_norm);
  compare("output_share", domain.output_share, reference.output_share);
  compare("moe_ratio", domain.moe_ratio, reference.moe_ratio, has_residual);
}

void compare_all(const RoutingStats& stats, const RoutingReference& reference, bool has_residual) {
  ASSERT_EQ(stats.domains.size(), reference.domains().size());
  Deviations deviations;
  for (const auto& domain : stats.domains) {
    SCOPED_TRACE(domain.name);
    const auto found = reference.domains().find(domain.name);
    ASSERT_NE(found, reference.domains().end());
    compare_domain(domain, found->second, has_residual, deviations);
  }
  const auto& tally = reference.tally();
  std::printf("  %lld tokens, %zu choices, %zu near ties; relative deviation (part of the bound):",
              static_cast<long long>(stats.n_token()), tally.n_choice, tally.n_near_tie);
  for (const auto& [name, deviation] : deviations)
    std::printf(" %s %.0e (%.2f)", name.c_str(), deviation.relative, deviation.of_bound);
  std::printf("; %zu products (%.2f)\n", tally.n_product, tally.worst_product);
  EXPECT_EQ(tally.n_mismatch, 0U);
  EXPECT_LE(static_cast<double>(tally.n_near_tie),
            kMaxNearTies * static_cast<double>(tally.n_choice));
  EXPECT_LE(tally.worst_product, 1.0);
}

// Samples that share a forward pass see other rounding than alone: keys and values are stored as
// half precision, one unit of which is 2^-10 of a value. So: no more choices differ than near ties
// are allowed for, and sums move, all cells taken together, by no more than that unit and those
// choices.
void compare_loosely(const RoutingStats& stats, const RoutingReference& reference) {
  for (const auto& domain : stats.domains) {
    SCOPED_TRACE(domain.name);
    const auto& expected = reference.domains().at(domain.name);
    EXPECT_EQ(domain.n_token, expected.n_token);
    EXPECT_EQ(domain.n_sample, expected.n_sample);
    double n_choice = 0.0;
    double n_moved = 0.0;  // each differing choice is missing in one cell and too many in another
    for (std::size_t i = 0; i < expected.histograms.size(); ++i) {
      n_choice += static_cast<double>(expected.histograms[i]);
      n_moved += static_cast<double>(std::abs(domain.histograms[i] - expected.histograms[i])) / 2;
    }
    EXPECT_LE(n_moved, kMaxNearTies * n_choice);
    const auto compare = [](const char* name, std::span<const double> profile,
                            std::span<const Approx> sums) {
      double moved = 0.0;
      double total = 0.0;
      for (std::size_t i = 0; i < sums.size(); ++i) {
        moved += std::abs(profile[i] - sums[i].value);
        total += std::abs(sums[i].value);
      }
      EXPECT_LE(moved, (0x1p-10 + 2 * kMaxNearTies) * total) << name;
    };
    compare("weight_sum", domain.weight_sum, expected.weight_sum);
    compare("weight_mean_by_sample", domain.weight_mean_by_sample, expected.weight_mean_by_sample);
    compare("decisive", domain.decisive, expected.decisive);
    compare("output_norm", domain.output_norm, expected.output_norm);
    compare("gated_norm", domain.gated_norm, expected.gated_norm);
    compare("output_share", domain.output_share, expected.output_share);
    compare("moe_ratio", domain.moe_ratio, expected.moe_ratio);
    std::printf("  %s: %g of %g choices differ\n", domain.name.c_str(), n_moved, n_choice);
  }
}

// --- both sides ---------------------------------------------------------------------------------

struct Setting {
  std::uint32_t n_batch = 512;
  std::uint32_t max_tokens = 1024;
  double temperature = 1.0;
  std::uint32_t n_seq = 1;     // samples that share a forward pass
  std::uint32_t n_engine = 1;  // contexts that take turns
};

std::unique_ptr<Engine> open_engine(const Path& model, const Setting& setting) {
  EngineOptions options;
  options.model = model;
  options.n_batch = setting.n_batch;
  options.n_threads = 1;
  options.n_seq = setting.n_seq;
  return value_of(open_llama_engine(options));
}

// Consecutive windows of at most `max_tokens`; a record that begins with BOS repeats it.
std::vector<std::vector<std::int32_t>> cut(const std::vector<std::int32_t>& tokens,
                                           std::size_t max_tokens, std::int32_t bos) {
  std::vector<std::vector<std::int32_t>> windows;
  const bool repeats = bos >= 0 && tokens.front() == bos;
  for (const auto token : tokens) {
    if (windows.empty() || windows.back().size() == max_tokens) {
      windows.emplace_back();
      if (repeats && windows.size() > 1) windows.back().push_back(bos);
    }
    windows.back().push_back(token);
  }
  return windows;
}

template <class Tokenize>
void run_reference(RawGraph& graph, const Corpus& corpus, const Setting& setting, std::int32_t bos,
                   const Tokenize& tokenize, RoutingReference& reference) {
  for (const auto& domain : corpus.domains) {
    for (const auto& record : domain.records) {
      std::vector<RoutingReference::Window> windows;
      for (auto& tokens : cut(tokenize(record.text), setting.max_tokens, bos)) {
        auto batches = graph.run(tokens);
        windows.push_back({std::move(tokens), std::move(batches)});
      }
      reference.add_sample(domain.name, windows);
    }
  }
}

RoutingStats run_product(Engine& engine, const MoeModel& model, const Corpus& corpus,
                         const Setting& setting) {
  ProfileOptions options;
  options.max_tokens = setting.max_tokens;
  options.coactivation = true;
  options.router_temperature = setting.temperature;
  options.n_engine = setting.n_engine;
  return value_of(run_profile(engine, model, corpus, options, silent_observer()));
}

std::map<std::uint32_t, RouterTensors> router_tensors(const MoeModel& model,
                                                      const RawWeights& weights) {
  std::map<std::uint32_t, RouterTensors> layers;
  for (const auto& layer : model.layers)
    layers.emplace(layer.id.value, read_router_tensors(weights, layer.id.value));
  return layers;
}

TEST(RoutingReference, FollowsTheEngineWhereRoundingDecidesAndNowhereElse) {
  const RouterRule rule{.is_normalised = true, .n_expert = 4, .n_used = 2};
  const RouterTensors plain;
  const std::vector<std::int32_t> engine = {2, 1};
  const std::vector<float> tie = {0.0F, 1.0F, std::nextafter(1.0F, 0.0F), -1.0F};
  const auto near = route_token(rule, plain, tie, 0, engine);
  EXPECT_EQ(near.ids, (std::vector<std::uint32_t>{2, 1}));
  EXPECT_EQ(near.n_near_tie, 2U);
  EXPECT_EQ(near.n_mismatch, 0U);
  const std::vector<float> gap = {0.0F, 1.0F, 0.9999F, -1.0F};
  const auto far = route_token(rule, plain, gap, 0, engine);
  EXPECT_EQ(far.ids, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(far.n_mismatch, 2U);
}

// --- the bundled model --------------------------------------------------------------------------

TEST(RoutingReference, TheBundledModel) {
  const Path path = COE_SOURCE_DIR "/models/gemma4-tiny-moe-q4_k_m.gguf";
  const Setting setting{.n_batch = 48, .max_tokens = 150};
  Corpus corpus;
  corpus.domains = {{"prose", 1.0, {}}, {"reasoning", 2.0, {}}};
  std::size_t i = 0;
  for (const auto& p : generate_reasoning(11, 8)) {
    corpus.domains[1].records.push_back({fmt::format("<|turn>user\n{}<turn|>\n<|turn>model\n"
                                                     "<|channel>thought\n{}\n<channel|>{}<turn|>\n",
                                                     p.problem, p.thinking, p.solution),
                                         "generated"});
    std::string prose;
    for (std::size_t n = 0; n <= i; ++n)
      prose += fmt::format("Stone house number {} above the harbour stands empty in autumn. ", n);
    corpus.domains[0].records.push_back({std::move(prose), "written"});
    i += 3;
  }

  const auto model = value_of(describe_moe(value_of(gguf::GgufFile::open(path))));
  const auto engine = open_engine(path, setting);
  const auto stats = run_product(*engine, model, corpus, setting);

  RawGraph graph(path, {.n_batch = setting.n_batch, .residual = "attn_out"});
  // llama.cpp's src/models/gemma4.cpp: softmax, renormalised, factor 1.
  RoutingReference reference(
      {.gating = RuleGating::kSoftmax, .is_normalised = true, .n_expert = 128, .n_used = 8},
      router_tensors(model, RawWeights(path)));
  run_reference(
      graph, corpus, setting, 2, [&](const auto& text) { return graph.tokenize(text); }, reference);
  EXPECT_GT(stats.n_token(), 2000);
  compare_all(stats, reference, true);
}

// --- tiny models of other routers ---------------------------------------------------------------

struct Case {
  std::string name;
  ArchModelSpec spec;
  RouterRule rule;                   // its numbers of experts and groups come from `spec`
  std::string residual = "ffn_inp";  // empty where the graph does not name the stream
};

std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }

ArchModelSpec of(std::string_view architecture) {
  ArchModelSpec spec;
  spec.architecture = architecture;
  spec.n_expert_used = 3;
  return spec;
}

// What the files' keys say where an architecture reads them: sigmoid, renormalised, factor 1.5
// (support/arch_keys.cc). Rules are written down from llama.cpp's src/models/<architecture>.cpp.
std::vector<Case> all_cases() {
  using enum RuleGating;
  std::vector<Case> cases;
  const auto add = [&](std::string name, ArchModelSpec spec, RouterRule rule,
                       std::string residual = "ffn_inp") {
    rule.n_expert = spec.n_expert;
    rule.n_used = spec.n_expert_used;
    rule.n_group = spec.n_group;
    rule.n_group_used = spec.n_group_used;
    cases.push_back({std::move(name), std::move(spec), rule, std::move(residual)});
  };
  add("olmoe_softmax", of("olmoe"), {.gating = kSoftmax});
  add("deepseek_softmax_factor", of("deepseek"), {.gating = kSoftmax, .scale = 1.5});
  add("qwen3moe_renormalised", of("qwen3moe"), {.gating = kSoftmax, .is_normalised = true});
  auto scaled = of("qwen3moe");
  scaled.expert_scales = true;
  add("qwen3moe_output_scales", scaled, {.gating = kSoftmax, .is_normalised = true});
  auto quantised = of("qwen3moe");
  quantised.expert_type = "Q8_0";
  add("qwen3moe_quantised", quantised, {.gating = kSoftmax, .is_normalised = true});
  auto gemma = of("gemma4");
  gemma.merged_gate_up = true;
  add("gemma4_merged", gemma, {.gating = kSoftmax, .is_normalised = true}, "attn_out");
  add("gpt_oss_biases", of("gpt-oss"), {.gating = kSoftmaxOfChosen});
  const RouterRule sigmoid{.gating = kSigmoid, .is_normalised = true, .scale = 1.5};
  add("dots1_sigmoid_bias", of("dots1"), sigmoid);
  add("minimax_m2_sigmoid_bias", of("minimax-m2"), {.gating = kSigmoid, .is_normalised = true});
  auto unbiased = of("dots1");
  unbiased.selection_bias = false;
  add("dots1_sigmoid", unbiased, sigmoid);
  auto grouped = of("deepseek2");
  grouped.n_expert_used = 4;
  grouped.n_group = 4;
  grouped.n_group_used = 2;
  add("deepseek2_groups_bias", grouped, sigmoid);
  grouped.selection_bias = false;
  grouped.gating = 1;
  add("deepseek2_groups_softmax", grouped,
      {.gating = kSoftmax, .is_normalised = true, .scale = 1.5});
  add("ernie_softmax_bias", of("ernie4_5-moe"), {.gating = kSoftmax, .is_normalised = true});
  auto hashed = of("deepseek4");
  hashed.n_hash_layer = 2;
  hashed.gating = 4;
  add("deepseek4_hash_layers", hashed,
      {.gating = kSqrtSoftplus, .is_normalised = true, .scale = 1.5}, "");
  add("grovemoe_two_gatings", of("grovemoe"),
      {.gating = kSoftmax, .is_normalised = true, .selects_by_sigmoid = true});
  add("nemotron_h_latent", of("nemotron_h_moe"), sigmoid, "");
  return cases;
}

// Tiny models have no vocabulary: their text is numbers of tokens.
std::vector<std::int32_t> numbers(std::string_view text) {
  std::vector<std::int32_t> tokens;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    std::int32_t token = 0;
    at = std::from_chars(at, end, token).ptr + 1;
    tokens.push_back(token);
  }
  return tokens;
}

class NumberEngine : public Engine {
 public:
  explicit NumberEngine(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}
  Status decode_all(std::span<const DecodeRequest> requests) override {
    return engine_->decode_all(requests);
  }
  Result<std::unique_ptr<Engine>> fork() override { return engine_->fork(); }
  const EngineInfo& info() const override { return engine_->info(); }
  Result<std::vector<std::int32_t>> tokenize(std::string_view text) override {
    return numbers(text);
  }
  Status decode(const DecodeRequest& request) override { return engine_->decode(request); }

 private:
  std::unique_ptr<Engine> engine_;
};

Corpus number_corpus() {
  Corpus corpus;
  Rng rng(5);
  for (const auto* name : {"even", "odd"}) {
    SubDomain domain{name, 1.0, {}};
    for (const std::size_t length : {40U, 1U, 7U, 93U, 32U, 33U, 61U, 12U}) {
      std::string text;
      for (std::size_t i = 0; i < length; ++i)
        text += fmt::format("{}{}", i == 0 ? "" : " ",
                            2 * rng.below(kArchVocabulary / 2) + (domain.name == "odd" ? 1 : 0));
      domain.records.push_back({std::move(text), "numbers"});
    }
    corpus.domains.push_back(std::move(domain));
  }
  return corpus;
}

class RoutingReferenceOf : public ::testing::TestWithParam<Case> {};

// The reference decodes each window alone, whatever the profile does.
void compare_arch(const Case& c, const Setting& setting) {
  const TempDir folder;
  const auto path = write_arch_model(folder / "model.gguf", c.spec);
  const auto corpus = number_corpus();
  const auto model = value_of(describe_moe(value_of(gguf::GgufFile::open(path))));
  NumberEngine engine(open_engine(path, setting));
  const auto stats = run_product(engine, model, corpus, setting);

  RawGraph graph(path, {.n_batch = setting.n_batch, .residual = c.residual});
  RoutingReference reference(c.rule, router_tensors(model, RawWeights(path)), setting.temperature);
  run_reference(graph, corpus, setting, -1, numbers, reference);
  if (setting.n_seq > 1)
    compare_loosely(stats, reference);
  else
    compare_all(stats, reference, !c.residual.empty());
}

TEST_P(RoutingReferenceOf, EveryAccumulatorAgrees) {
  compare_arch(GetParam(), {.n_batch = 12, .max_tokens = 32});
}

TEST_P(RoutingReferenceOf, EveryAccumulatorAgreesAtARouterTemperature) {
  compare_arch(GetParam(), {.n_batch = 12, .max_tokens = 32, .temperature = 0.5});
}

TEST_P(RoutingReferenceOf, ContextsThatTakeTurnsGiveWhatOneGives) {
  compare_arch(GetParam(), {.n_batch = 128, .max_tokens = 32, .n_engine = 2});
}

TEST_P(RoutingReferenceOf, SamplesThatShareAPassGiveWhatEachGivesAlone) {
  compare_arch(GetParam(), {.n_batch = 128, .max_tokens = 32, .n_seq = 8});
}

INSTANTIATE_TEST_SUITE_P(Models, RoutingReferenceOf, ::testing::ValuesIn(all_cases()),
                         [](const auto& tested) { return tested.param.name; });

}  // namespace
}  // namespace coe::testing
