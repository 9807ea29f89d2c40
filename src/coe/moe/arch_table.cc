#include "coe/moe/arch_table.h"

#include "coe/moe/model.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace coe {
namespace {

constexpr auto kFixed = GatingSource::kFixed;
constexpr auto kDefault = GatingSource::kKeyOrDefault;
constexpr auto kRequired = GatingSource::kKeyRequired;

// By name.
constexpr std::array kArchs = {
    ArchFacts{"afmoe", kDefault, Gating::kSigmoid},
    ArchFacts{"arctic", kFixed, Gating::kSoftmax},
    ArchFacts{"bailingmoe", kFixed, Gating::kSoftmax},
    ArchFacts{"bailingmoe2", kRequired},
    ArchFacts{"bailingmoe3", kRequired},
    ArchFacts{"cohere2moe", kDefault, Gating::kSigmoid},
    ArchFacts{"dbrx", kFixed, Gating::kSoftmax},
    ArchFacts{"deepseek", kFixed, Gating::kSoftmax},
    ArchFacts{"deepseek2", kDefault, Gating::kSoftmax},
    ArchFacts{"deepseek2-ocr", kDefault, Gating::kSoftmax},
    ArchFacts{"deepseek32", kRequired},
    ArchFacts{"deepseek4", kFixed, Gating::kSqrtSoftplus},
    ArchFacts{"dflash", kFixed, Gating::kSqrtSoftplus},
    ArchFacts{"dots1", kRequired},
    ArchFacts{"dots3note", kRequired},
    ArchFacts{"ernie4_5-moe", kFixed, Gating::kSoftmax},
    ArchFacts{"exaone-moe", kRequired},
    ArchFacts{"gemma4", kFixed, Gating::kSoftmax},
    ArchFacts{"glm-dsa", kDefault, Gating::kSigmoid},
    ArchFacts{"glm4moe", kDefault, Gating::kSigmoid},
    ArchFacts{"gpt-oss", kFixed, Gating::kSoftmaxWeight},
    ArchFacts{"granite", kFixed, Gating::kSoftmax},
    ArchFacts{"granite_swa", kFixed, Gating::kSoftmax},
    ArchFacts{"granitehybrid", kFixed, Gating::kSoftmax},
    ArchFacts{"granitemoe", kFixed, Gating::kSoftmax},
    ArchFacts{"grok", kFixed, Gating::kSoftmax},
    ArchFacts{"grovemoe", kFixed, Gating::kSoftmax},
    ArchFacts{"hunyuan-moe", kFixed, Gating::kSoftmax},
    ArchFacts{"hy_v3", kDefault, Gating::kSigmoid},
    ArchFacts{"hy_v4", kRequired},
    ArchFacts{"jamba", kFixed, Gating::kSoftmax},
    ArchFacts{"kimi-k3", kRequired},
    ArchFacts{"kimi-linear", kRequired},
    ArchFacts{"laguna", kDefault, Gating::kSigmoid},
    ArchFacts{"lfm2moe", kRequired},
    ArchFacts{"llada-moe", kFixed, Gating::kSoftmax},
    ArchFacts{"llama", kFixed, Gating::kSoftmax},
    ArchFacts{"llama-embed", kFixed, Gating::kSoftmax},
    ArchFacts{"llama4", kFixed, Gating::kSigmoid},
    ArchFacts{"maple", kFixed, Gating::kSoftmax},
    ArchFacts{"mellum", kFixed, Gating::kSoftmax},
    ArchFacts{"mimo2", kFixed, Gating::kSigmoid},
    ArchFacts{"minicpm", kFixed, Gating::kSoftmax},
    ArchFacts{"minimax-01", kFixed, Gating::kSoftmax},
    ArchFacts{"minimax-m2", kRequired},
    ArchFacts{"minimax-m3", kRequired},
    ArchFacts{"mistral3", kFixed, Gating::kSoftmax},
    ArchFacts{"mistral4", kDefault, Gating::kSoftmax},
    ArchFacts{"nemotron_h_moe", kFixed, Gating::kSigmoid},
    ArchFacts{"nomic-bert-moe", kFixed, Gating::kSoftmax},
    ArchFacts{"olmoe", kFixed, Gating::kSoftmax},
    ArchFacts{"phimoe", kFixed, Gating::kSoftmax},
    ArchFacts{"qwen2moe", kFixed, Gating::kSoftmax},
    ArchFacts{"qwen35moe", kFixed, Gating::kSoftmax},
    ArchFacts{"qwen3moe", kFixed, Gating::kSoftmax},
    ArchFacts{"qwen3next", kFixed, Gating::kSoftmax},
    ArchFacts{"qwen3vlmoe", kFixed, Gating::kSoftmax},
    ArchFacts{"qwen4exp", kFixed, Gating::kSoftmax},
    ArchFacts{"rnd1", kFixed, Gating::kSoftmax},
    ArchFacts{"smallthinker", kRequired},
    ArchFacts{"step35", kDefault, Gating::kSigmoid},
};
static_assert(std::ranges::is_sorted(kArchs, {}, &ArchFacts::name));

struct TensorRow {
  std::string_view suffix;
  TensorFacts facts;
};

constexpr TensorFacts per_expert(std::size_t n_dims) {
  return {TensorRole::kPerExpert, n_dims, {}};
}

constexpr std::array kTensors = {
    TensorRow{"ffn_gate_inp.weight", {TensorRole::kRouter, 2, {}}},
    TensorRow{"ffn_gate_inp.bias", per_expert(1)}, TensorRow{"exp_probs_b.bias", per_expert(1)},
    TensorRow{"exp_probs_b", per_expert(1)},  // hy_v3 stores it without a suffix
    TensorRow{"exp_probs_b_vl.bias", per_expert(1)},
    // Scale of the router's input, one value a channel of the embedding, in spite of its name.
    TensorRow{"ffn_gate_inp.scale", {}},
    TensorRow{"ffn_norm_exps.weight", {}},  // width of the embedding
};

constexpr std::array<std::string_view, 4> kExpertStems = {"ffn_gate_exps.", "ffn_up_exps.",
                                                          "ffn_down_exps.", "ffn_gate_up_exps."};

struct KindRow {
  std::string_view kind;
  std::size_t n_dims;
};

// Of the tensors in kExpertStems.
constexpr std::array kKinds = {KindRow{"weight", 3}, KindRow{"bias", 2}, KindRow{"scale", 1},
                               KindRow{"input_scale", 1}};

// "ffn_gate.12.weight" and its like: one tensor for each expert, as converters wrote before 2024.
bool is_one_by_one(std::string_view suffix) {
  for (const std::string_view stem : {"ffn_gate.", "ffn_up.", "ffn_down."}) {
    if (!suffix.starts_with(stem)) continue;
    const auto rest = suffix.substr(stem.size());
    return !rest.empty() && rest[0] >= '0' && rest[0] <= '9';
  }
  return false;
}

}  // namespace

const ArchFacts* find_arch(std::string_view architecture) {
  const auto* const found = std::ranges::lower_bound(kArchs, architecture, {}, &ArchFacts::name);
  return found == kArchs.end() || found->name != architecture ? nullptr : found;
}

TensorFacts tensor_facts(std::string_view suffix) {
  for (const auto& row : kTensors)
    if (row.suffix == suffix) return row.facts;
  for (const auto stem : kExpertStems) {
    if (!suffix.starts_with(stem)) continue;
    for (const auto& [kind, n_dims] : kKinds)
      if (suffix.substr(stem.size()) == kind) return per_expert(n_dims);
  }
  const auto contains = [&](std::string_view part) {
    return suffix.find(part) != std::string_view::npos;
  };
  if (contains("_chexps"))
    return {TensorRole::kRefused, 0,
            "experts share chunks, and only whole chunks could be removed"};
  if (contains("tid2eid"))
    return {TensorRole::kRefused, 0,
            "a table maps tokens to expert ids, and removed ids would need "
            "substitutes"};
  if (is_one_by_one(suffix))
    return {TensorRole::kRefused, 0,
            "experts are stored one by one, an old form that llama.cpp no "
            "longer loads; convert the original model again"};
  if (contains("_exps") || contains("exp_probs") || suffix.starts_with("ffn_gate_inp."))
    return {TensorRole::kUnknown, 0, {}};
  return {};
}

std::optional<std::string_view> why_unsafe(std::string_view architecture, std::uint32_t n_expert) {
  if (architecture == "llama4" && n_expert == 128)
    return "llama.cpp switches the normalisation of queries and keys on for every expert count but "
           "128, so any other count changes the model";
  return std::nullopt;
}

}  // namespace coe
