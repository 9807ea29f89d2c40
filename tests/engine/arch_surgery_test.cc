// Surgery on every MoE architecture that llama.cpp runs: a tiny random parent is cut, the cut is
// verified, and the child, decoded by llama.cpp, must give what its parent gives under virtual
// surgery: the same choices of experts, router weights and logits.
//
// How equal. All that differs between the two sides is N, and only the router sees it: softmax is
// computed over the kept experts alone on both sides (engine/llama/router_math.h), sigmoid and
// softplus element by element, and after selection everything depends on k. Each logit of the
// router is a dot product of its own, but in which order it is summed depends on N: where N is a
// multiple of 4, ggml's CPU backend takes the tiled product, else one dot product at a time. So:
//
//   - K a multiple of 4 (as the parent's N): equal bit for bit.
//   - other K: router logits differ in their last bits. Such a difference is far below the
//   tolerance
//     but the next layer stores its keys and values as F16, and rounding makes of any difference
//     one unit in the last place, up to 2^-10 of a value. Were every value of every block to move
//     by that, so would the logits: tolerance = blocks * 2^-10 * the largest logit.
#include "coe/base/observer.h"
#include "coe/base/rng.h"
#include "coe/child/surgery/apply.h"
#include "coe/child/surgery/child_source.h"
#include "coe/child/surgery/plan.h"
#include "coe/child/verify/verify.h"
#include "coe/engine/engine.h"
#include "coe/engine/llama/ggml_values.h"
#include "coe/engine/llama/llama_engine.h"
#include "coe/mask/keep_mask.h"
#include "coe/mask/masked/virtual_surgery.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/writer.h"
#include "coe/model/moe/arch_table.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include "support/arch_models.h"
#include "support/expect.h"
#include "support/plain_ids.h"
#include "support/temp_dir.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <map>
#include <memory>
#include <numeric>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::testing {
namespace {

// --- cases --------------------------------------------------------------------------------------

struct ArchCase {
  ArchModelSpec spec;
  std::string variant;  // empty: the architecture as its models have it
  std::uint32_t n_keep = 8;
  bool drop_groups = false;          // whole groups of experts go, instead of as many of each
  std::uint32_t n_chunk_expert = 1;  // so many neighbours stay or go together
  SurgeryOptions options = {};

  std::string name() const {
    auto name = spec.architecture + (variant.empty() ? "" : "_" + variant);
    std::ranges::replace_if(
        name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
    return name;
  }
};

std::ostream& operator<<(std::ostream& out, const ArchCase& c) { return out << c.name(); }

ArchCase make_case(std::string_view architecture, std::string variant = "") {
  ArchCase c;
  c.spec.architecture = architecture;
  c.variant = std::move(variant);
  return c;
}

// Architectures whose files can hold experts but that are no case here, and why.
struct Absentee {
  std::string_view architecture;
  std::string_view reason;
};
constexpr std::array kAbsentees = {
    Absentee{"gemma4-assistant", "a dense draft head: its loader knows no expert tensors"},
    Absentee{"graniteswitch", "its ids choose adapters, not experts; it has no routers"},
    Absentee{"refact", "its loader reads experts, but its graph runs the dense matrices only"},
};

// Encoders: their graph ends in embeddings. Routers are compared, and the output of the layers.
bool gives_logits(std::string_view architecture) {
  return architecture != "llama-embed" && architecture != "nomic-bert-moe";
}

void add_each(std::vector<ArchCase>& cases, std::string_view variant,
              std::initializer_list<std::string_view> architectures, void (*set)(ArchCase&)) {
  for (const auto architecture : architectures) {
    cases.push_back(make_case(architecture, std::string(variant)));
    set(cases.back());
  }
}

void use_groups(ArchCase& c) {
  c.spec.n_group = 4;
  c.spec.n_group_used = 2;
  c.spec.n_expert_used = 4;
}

void add_tensor_variants(std::vector<ArchCase>& cases) {
  add_each(cases, "merged",
           {"cohere2moe", "deepseek2", "deepseek2-ocr", "gemma4", "granite_swa", "hy_v3",
            "mistral4", "qwen35moe", "qwen3next", "qwen4exp"},
           [](ArchCase& c) { c.spec.merged_gate_up = true; });
  add_each(cases, "mtp",
           {"bailingmoe2", "bailingmoe3", "cohere2moe", "deepseek2", "deepseek32", "deepseek4",
            "glm-dsa", "glm4moe", "hy_v3", "mistral4", "nemotron_h_moe", "qwen35moe", "qwen3next",
            "step35"},
           [](ArchCase& c) { c.spec.n_mtp = 1; });
  add_each(cases, "mtp2", {"step35"}, [](ArchCase& c) { c.spec.n_mtp = 2; });
  add_each(cases, "mtp_merged", {"cohere2moe", "qwen35moe", "qwen3next"}, [](ArchCase& c) {
    c.spec.n_mtp = 1;
    c.spec.merged_gate_up = true;
  });
  add_each(cases, "scales", {"glm4moe", "gpt-oss", "llama", "nemotron_h_moe", "qwen3moe"},
           [](ArchCase& c) { c.spec.expert_scales = true; });
  add_each(cases, "scales_merged", {"gemma4", "qwen35moe"}, [](ArchCase& c) {
    c.spec.expert_scales = true;
    c.spec.merged_gate_up = true;
  });
  add_each(cases, "q4_0", {"gemma4", "llama4", "qwen3moe"},
           [](ArchCase& c) { c.spec.expert_type = "Q4_0"; });
  add_each(cases, "q8_0", {"deepseek2", "deepseek4", "llama"},
           [](ArchCase& c) { c.spec.expert_type = "Q8_0"; });
  add_each(cases, "mxfp4", {"gpt-oss"}, [](ArchCase& c) { c.spec.expert_type = "MXFP4"; });
  add_each(cases, "nvfp4", {"llama"}, [](ArchCase& c) {
    c.spec.expert_type = "NVFP4";
    c.spec.expert_scales = true;
  });
}

void add_router_variants(std::vector<ArchCase>& cases) {
  add_each(cases, "no_bias",
           {"bailingmoe2", "deepseek2", "deepseek2-ocr", "deepseek32", "dots1", "ernie4_5-moe",
            "exaone-moe", "glm-dsa", "hy_v3", "hy_v4", "mimo2", "mistral4", "step35"},
           [](ArchCase& c) { c.spec.selection_bias = false; });
  add_each(cases, "softmax", {"deepseek2", "dots1", "glm4moe", "laguna", "smallthinker"},
           [](ArchCase& c) { c.spec.gating = 1; });
  add_each(cases, "softmax_no_bias", {"deepseek2", "deepseek32"}, [](ArchCase& c) {
    c.spec.gating = 1;
    c.spec.selection_bias = false;
  });
  add_each(cases, "softmax_of_selected", {"dots1"}, [](ArchCase& c) { c.spec.gating = 3; });
  add_each(cases, "sqrt_softplus", {"dots1"}, [](ArchCase& c) { c.spec.gating = 4; });
  add_each(cases, "groups",
           {"bailingmoe2", "bailingmoe3", "deepseek2", "deepseek32", "dots1", "glm-dsa", "glm4moe",
            "kimi-linear", "qwen3moe"},
           use_groups);
  add_each(cases, "groups_softmax", {"deepseek2"}, [](ArchCase& c) {
    use_groups(c);
    c.spec.gating = 1;
    c.spec.selection_bias = false;
  });
  add_each(cases, "groups_of_3", {"deepseek2"}, [](ArchCase& c) {
    use_groups(c);
    c.n_keep = 12;
  });
}

void add_count_variants(std::vector<ArchCase>& cases) {
  add_each(cases, "odd_k",
           {"deepseek2", "deepseek4", "ernie4_5-moe", "gemma4", "gpt-oss", "llama4", "mimo2",
            "qwen3moe"},
           [](ArchCase& c) { c.n_keep = 9; });
  add_each(cases, "n8_k4", {"gpt-oss", "llama", "llama4", "qwen3moe"}, [](ArchCase& c) {
    c.spec.n_expert = 8;
    c.n_keep = 4;
  });
  // Every kept expert is chosen, the worst too: a removed one with a good bias must not come
  // before.
  add_each(cases, "all_used",
           {"bailingmoe2", "deepseek2", "deepseek4", "dots1", "ernie4_5-moe", "glm4moe", "gpt-oss",
            "hy_v3", "kimi-k3", "lfm2moe", "llama4", "minimax-m2", "nemotron_h_moe", "qwen3moe"},
           [](ArchCase& c) {
             c.spec.n_expert_used = 4;
             c.n_keep = 4;
           });
  add_each(cases, "one_left", {"deepseek2", "gpt-oss", "llama4", "qwen3moe"}, [](ArchCase& c) {
    c.spec.n_expert_used = 1;
    c.n_keep = 1;
  });
  add_each(cases, "uneven_layers", {"nemotron_h_moe"},
           [](ArchCase& c) { c.spec.uneven_layers = true; });
  add_each(cases, "top_1", {"deepseek2", "llama4", "qwen2moe"},
           [](ArchCase& c) { c.spec.n_expert_used = 1; });
}

// Files that slicing does not simply shorten.
void add_surgery_variants(std::vector<ArchCase>& cases) {
  add_each(cases, "drop_mtp",
           {"bailingmoe2", "bailingmoe3", "cohere2moe", "deepseek2", "deepseek32", "deepseek4",
            "glm-dsa", "glm4moe", "hy_v3", "mistral4", "nemotron_h_moe", "qwen35moe", "qwen3next",
            "step35"},
           [](ArchCase& c) {
             c.spec.n_mtp = 1;
             c.options.drop_mtp = true;
           });
  add_each(cases, "mode_zero",
           {"bailingmoe2", "deepseek2", "deepseek4", "dots1", "glm4moe", "gpt-oss", "hy_v3",
            "kimi-k3", "minimax-m2", "nemotron_h_moe", "step35"},
           [](ArchCase& c) { c.options.mode = SurgeryMode::kZero; });
  add_each(cases, "mode_zero_groups", {"deepseek2", "kimi-linear"}, [](ArchCase& c) {
    use_groups(c);
    c.options.mode = SurgeryMode::kZero;
  });
  add_each(cases, "hash_layers", {"deepseek4"}, [](ArchCase& c) { c.spec.n_hash_layer = 2; });
  add_each(cases, "hash_layers_mode_zero", {"deepseek4"}, [](ArchCase& c) {
    c.spec.n_hash_layer = 2;
    c.options.mode = SurgeryMode::kZero;
  });
  add_each(cases, "whole_groups", {"bailingmoe2", "deepseek2", "qwen3moe"}, [](ArchCase& c) {
    c.spec.n_group = 4;
    c.spec.n_group_used = 1;
    c.drop_groups = true;
  });
  // As many groups are left as a token uses: grouping ends.
  add_each(cases, "all_groups_used", {"deepseek2", "qwen3moe"}, [](ArchCase& c) {
    use_groups(c);
    c.drop_groups = true;
  });
}

// A child that uses fewer experts than its parent, on every architecture whose routers can.
void add_used_variants(std::vector<ArchCase>& cases) {
  for (const auto name : arch_model_names()) {
    cases.push_back(make_case(name, "fewer_used"));
    cases.back().spec.n_expert_used = 4;
    cases.back().options.n_used = 3;
    if (name == "grovemoe") cases.back().n_chunk_expert = 2;
  }
  add_each(cases, "one_used", {"deepseek2", "dots1", "gemma4", "gpt-oss", "llama4", "qwen3moe"},
           [](ArchCase& c) {
             c.spec.n_expert_used = 4;
             c.options.n_used = 1;
           });
  add_each(cases, "fewer_used_of_all", {"deepseek2", "gemma4", "gpt-oss", "qwen3moe"},
           [](ArchCase& c) {
             c.n_keep = c.spec.n_expert;
             c.spec.n_expert_used = 4;
             c.options.n_used = 2;
           });
  add_each(cases, "fewer_used_softmax_of_selected", {"dots1"}, [](ArchCase& c) {
    c.spec.gating = 3;
    c.spec.n_expert_used = 4;
    c.options.n_used = 3;
  });
  add_each(cases, "fewer_used_of_groups", {"deepseek2", "qwen3moe"}, [](ArchCase& c) {
    use_groups(c);
    c.options.n_used = 3;
  });
  add_each(cases, "fewer_used_mode_zero", {"deepseek2", "gpt-oss"}, [](ArchCase& c) {
    c.spec.n_expert_used = 4;
    c.options.n_used = 3;
    c.options.mode = SurgeryMode::kZero;
  });
}

std::vector<ArchCase> all_cases() {
  std::vector<ArchCase> cases;
  for (const auto name : arch_model_names()) {
    cases.push_back(make_case(name));
    if (name == "grovemoe") cases.back().n_chunk_expert = 2;
  }
  add_tensor_variants(cases);
  add_router_variants(cases);
  add_count_variants(cases);
  add_surgery_variants(cases);
  add_used_variants(cases);
  return cases;
}

// --- one decoded sequence -----------------------------------------------------------------------

struct LayerTrace {
  std::vector<std::int32_t> ids;
  std::vector<float> weights;
  std::vector<float> norms;  // of the experts' summed output, one a token
};

class Trace : public LogitsObserver, public RoutingObserver {
 public:
  void on_logits(const LogitsView& view) override {
    logits.insert(logits.end(), view.logits.begin(), view.logits.end());
  }
  void on_routing(const LayerRouting& routing) override {
    auto& layer = layers[routing.layer];
    layer.ids.insert(layer.ids.end(), routing.ids.begin(), routing.ids.end());
    layer.weights.insert(layer.weights.end(), routing.weights.begin(), routing.weights.end());
    layer.norms.insert(layer.norms.end(), routing.moe_norms.begin(), routing.moe_norms.end());
  }

  std::vector<float> logits;
  std::map<LayerId, LayerTrace> layers;
};

// NaN counts as infinitely far.
double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return HUGE_VAL;
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
    largest = std::isnan(difference) ? HUGE_VAL : std::max(largest, difference);
  }
  return largest;
}

double largest_value(const std::vector<float>& values) {
  double largest = 0.0;
  for (const float value : values) largest = std::max(largest, std::abs(double{value}));
  return largest;
}

std::vector<std::int32_t> some_tokens() {
  Rng rng(24);
  std::vector<std::int32_t> tokens(24);
  for (auto& token : tokens) token = static_cast<std::int32_t>(rng.below(kArchVocabulary));
  return tokens;
}

std::unique_ptr<Engine> open_model(const Path& path) {
  EngineOptions options;
  options.model = path;
  options.n_threads = 1;
  return value_of(open_llama_engine(options));
}

std::unique_ptr<Engine> open_model(std::shared_ptr<const gguf::GgufSource> source) {
  EngineOptions options;
  options.source = std::move(source);
  options.n_threads = 1;
  return value_of(open_llama_engine(options));
}

Trace decode(Engine& engine, const ExpertFilter* filter) {
  const auto tokens = some_tokens();
  Trace trace;
  DecodeRequest request;
  request.tokens = tokens;
  request.routing = &trace;
  request.outputs = true;
  if (gives_logits(engine.info().architecture)) request.logits = &trace;
  request.filter = filter;
  expect_ok(engine.decode(request));
  return trace;
}

// Virtual surgery alone: a removed expert that is selected would be an error.
void filter_only(Engine& engine, const ExpertFilter& filter) {
  const auto tokens = some_tokens();
  DecodeRequest request;
  request.tokens = tokens;
  request.filter = &filter;
  expect_ok(engine.decode(request));
}

// --- masks --------------------------------------------------------------------------------------

// `n_keep` of the `n` experts from `first` on, in runs of `n_chunk`.
std::vector<ExpertId> random_experts(std::uint32_t first, std::uint32_t n, std::uint32_t n_keep,
                                     std::uint32_t n_chunk, Rng& rng) {
  std::vector<std::uint32_t> chunks(n / n_chunk);
  std::iota(chunks.begin(), chunks.end(), 0U);
  rng.shuffle(std::span(chunks));
  std::vector<ExpertId> ids(n_keep);
  for (std::uint32_t i = 0; i < n_keep; ++i)
    ids[i].value = first + chunks[i / n_chunk] * n_chunk + i % n_chunk;
  return ids;
}

// As many of each group, or half of the groups whole.
std::vector<ExpertId> random_layer(const MoeModel& model, const ArchCase& c, Rng& rng) {
  const std::uint32_t n_group = std::max(model.n_expert_group, 1U);
  const std::uint32_t group_size = model.n_expert / n_group;
  std::vector<std::uint32_t> groups(n_group);
  std::iota(groups.begin(), groups.end(), 0U);
  rng.shuffle(std::span(groups));
  if (c.drop_groups) groups.resize(n_group / 2);
  const auto n_keep = c.n_keep / static_cast<std::uint32_t>(groups.size());
  std::vector<ExpertId> ids;
  for (const auto group : groups) {
    const auto some = random_experts(group * group_size, group_size, n_keep, c.n_chunk_expert, rng);
    ids.insert(ids.end(), some.begin(), some.end());
  }
  return ids;
}

// Different experts in each layer.
KeepMask random_mask(const MoeModel& model, const ArchCase& c) {
  Rng rng(7);
  std::map<LayerId, std::vector<ExpertId>> kept;
  for (const auto& layer : model.layers) kept[layer.id] = random_layer(model, c, rng);
  if (!c.options.drop_mtp)
    for (const auto& layer : model.mtp_layers) kept[layer.id] = random_layer(model, c, rng);
  return value_of(KeepMask::create(model.n_expert, std::move(kept)));
}

// --- measuring ----------------------------------------------------------------------------------

struct TableRow {
  std::string name;
  double logits = 0.0;         // largest differences between child and virtual surgery
  double weights = 0.0;        // of routers
  double norms = 0.0;          // of the experts' outputs
  double largest_logit = 0.0;  // under virtual surgery
  double effect = 0.0;         // of the cut on the parent: on logits, where it has them
};

// Prints what was measured when the whole program has run, as a table for documents.
class Table : public ::testing::Environment {
 public:
  void TearDown() override {
    if (rows.size() < 2) return;  // ctest runs each case alone
    fmt::print(
        "| model | logits | router weights | expert outputs | largest logit | the cut moves by |\n"
        "|---|---|---|---|---|---|\n");
    for (const auto& row : rows)
      fmt::print("| {} | {:.2g} | {:.2g} | {:.2g} | {:.3g} | {:.2g} |\n", row.name, row.logits,
                 row.weights, row.norms, row.largest_logit, row.effect);
  }

  std::vector<TableRow> rows;
};

Table& table() {
  static auto* const environment = new Table;  // gtest owns and deletes it
  static const auto* const registered = ::testing::AddGlobalTestEnvironment(environment);
  (void)registered;
  return *environment;
}

// Compares routers layer by layer; `kept` says which expert of the parent each of the child was.
void compare_layer(const LayerTrace& child, const LayerTrace& parent,
                   const std::vector<std::uint32_t>& kept, TableRow& row) {
  auto ids = child.ids;
  for (auto& id : ids) id = static_cast<std::int32_t>(kept.at(static_cast<std::size_t>(id)));
  EXPECT_EQ(ids, parent.ids);
  row.weights = std::max(row.weights, largest_difference(child.weights, parent.weights));
  row.norms = std::max(row.norms, largest_difference(child.norms, parent.norms));
}

std::vector<std::uint32_t> all_ids(std::uint32_t n) {
  std::vector<std::uint32_t> ids(n);
  std::iota(ids.begin(), ids.end(), 0U);
  return ids;
}

// How far virtual surgery moves the parent: the test could fail.
double effect_of(const Trace& masked, const Trace& whole) {
  if (!masked.logits.empty()) return largest_difference(masked.logits, whole.logits);
  if (masked.layers.empty()) return 0.0;  // decoding has failed already
  const auto last = masked.layers.rbegin();
  return largest_difference(last->second.norms, whole.layers.at(last->first).norms);
}

struct Engines {
  std::unique_ptr<Engine> parent;
  std::unique_ptr<Engine> child;
};

TableRow measure(const ArchCase& c, const Engines& engines, const KeepMask& mask,
                 const ExpertFilter& filter) {
  const auto cut = decode(*engines.child, nullptr);
  const auto masked = decode(*engines.parent, &filter);
  TableRow row;
  row.name = c.name();
  row.logits = largest_difference(cut.logits, masked.logits);
  row.largest_logit = largest_value(masked.logits);
  row.effect = effect_of(masked, decode(*engines.parent, nullptr));
  filter_only(*engines.parent, filter);
  const bool sliced = c.options.mode == SurgeryMode::kSlice;
  const auto kept = plain_ids(mask.layers());
  for (const auto layer : engines.parent->info().moe_layers) {
    SCOPED_TRACE(fmt::format("layer {}", layer.value));
    compare_layer(cut.layers.at(layer), masked.layers.at(layer),
                  sliced ? kept.at(layer.value) : all_ids(c.spec.n_expert), row);
  }
  return row;
}

// --- tests --------------------------------------------------------------------------------------

class ArchSurgery : public ::testing::TestWithParam<ArchCase> {
 protected:
  // Writes parent and child.
  void cut(const ArchCase& c) {
    write_arch_model(parent_, c.spec);
    auto file = value_of(gguf::GgufFile::open(parent_));
    model_ = value_of(describe_moe(file));
    mask_ = random_mask(model_, c);
    auto plan = value_of(plan_surgery(file, model_, mask_, c.options));
    expect_ok(apply_plan(file, plan, child_, Overwrite::kRefuse, silent_observer()));
    filter_ = value_of(virtual_surgery(mask_, file, model_, c.options.n_used));
    instant_ = child_source(std::move(file), std::move(plan), "the child");
  }

  TempDir folder_;
  Path parent_ = folder_ / "parent.gguf";
  Path child_ = folder_ / "child.gguf";
  ExpertFilter filter_;
  std::shared_ptr<const gguf::GgufSource> instant_;  // the child, not read from its file
  MoeModel model_;
  KeepMask mask_;
};

TEST_P(ArchSurgery, ChildEqualsVirtualSurgery) {
  const ArchCase& c = GetParam();
  cut(c);
  const auto report =
      value_of(verify_child(parent_, child_, mask_, &ggml_values(), silent_observer()));
  for (const auto& finding : report.bad) ADD_FAILURE() << finding.where << ": " << finding.message;

  const Engines engines{open_model(parent_), open_model(child_)};
  const auto& info = engines.parent->info();
  ASSERT_EQ(info.n_expert, c.spec.n_expert);
  ASSERT_EQ(model_.mtp_layers.size(), c.spec.n_mtp);
  ASSERT_EQ(info.moe_layers.size(), model_.layers.size());
  ASSERT_EQ(engines.child->info().n_expert,
            c.options.mode == SurgeryMode::kSlice ? c.n_keep : c.spec.n_expert);
  ASSERT_EQ(engines.child->info().moe_layers, info.moe_layers);
  const auto row = measure(c, engines, mask_, filter_);
  RecordProperty("max_logit_difference", fmt::format("{:.3g}", row.logits));
  RecordProperty("max_weight_difference", fmt::format("{:.3g}", row.weights));
  table().rows.push_back(row);

  // Without a file: the same bits.
  const auto written = decode(*engines.child, nullptr);
  const auto instant = decode(*open_model(instant_), nullptr);
  EXPECT_EQ(instant.logits, written.logits);
  ASSERT_EQ(instant.layers.size(), written.layers.size());
  for (const auto& [layer, trace] : written.layers) {
    EXPECT_EQ(instant.layers.at(layer).ids, trace.ids);
    EXPECT_EQ(instant.layers.at(layer).weights, trace.weights);
  }

  const double tolerance =
      c.n_keep % 4 == 0 ? 0.0 : model_.n_block * std::ldexp(1.0, -10) * row.largest_logit;
  EXPECT_LE(row.logits, tolerance);
  EXPECT_LE(row.weights, tolerance);  // weights and norms are no larger than the logits
  EXPECT_LE(row.norms, tolerance);
  EXPECT_GT(row.effect, 0.01);
  EXPECT_GT(row.effect, 4 * tolerance);
}

INSTANTIATE_TEST_SUITE_P(Models, ArchSurgery, ::testing::ValuesIn(all_cases()),
                         [](const auto& tested) { return tested.param.name(); });

TEST(ArchSurgeryAbsentees, AreNotClaimed) {
  for (const auto& [architecture, reason] : kAbsentees)
    EXPECT_EQ(find_arch(architecture), nullptr) << architecture << ": " << reason;
}

TEST(ArchSurgeryUsed, IsRefusedWhereATableChooses) {
  const TempDir folder;
  const auto engine = open_model(
      write_arch_model(folder / "parent.gguf",
                       {.architecture = "deepseek4", .n_expert_used = 4, .n_hash_layer = 2}));
  const auto tokens = some_tokens();
  ExpertFilter filter;
  filter.n_used = 3;
  DecodeRequest request;
  request.tokens = tokens;
  request.filter = &filter;
  expect_error(engine->decode(request), Code::kUnsupported, "cannot use fewer experts");
  filter.n_used = 4;
  expect_ok(engine->decode(request));
  filter.n_used = 5;
  expect_error(engine->decode(request), Code::kInvalidArgument, "above the 4 of the model");
}

TEST(ArchSurgeryLogits, AreRefusedOfEmbeddingModels) {
  for (const auto* architecture : {"llama-embed", "nomic-bert-moe"}) {
    const TempDir folder;
    const auto engine =
        open_model(write_arch_model(folder / "parent.gguf", {.architecture = architecture}));
    const auto tokens = some_tokens();
    Trace trace;
    DecodeRequest request;
    request.tokens = tokens;
    request.logits = &trace;
    expect_error(engine->decode(request), Code::kUnsupported, "no logits");
  }
}

}  // namespace
}  // namespace coe::testing
