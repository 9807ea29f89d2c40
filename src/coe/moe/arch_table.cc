#include "coe/moe/arch_table.h"

#include "coe/moe/ids.h"
#include "coe/moe/model.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

namespace coe {
namespace {

constexpr auto kFixed = GatingSource::kFixed;
constexpr auto kDefault = GatingSource::kKeyOrDefault;
constexpr auto kRequired = GatingSource::kKeyRequired;

// By name.
constexpr std::array kArchs = {
    ArchFacts{"afmoe", kDefault, Gating::kSigmoid, ExpertLayout::kSeparate, SelectionBias::kAlways,
              MtpKind::kNone},
    ArchFacts{"arctic", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"bailingmoe", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"bailingmoe2", kRequired, Gating::kSoftmax, ExpertLayout::kSeparate,
              SelectionBias::kOptional, MtpKind::kMoe},
    ArchFacts{"bailingmoe3", kRequired, Gating::kSoftmax, ExpertLayout::kSeparate,
              SelectionBias::kAlways, MtpKind::kMoe},
    ArchFacts{"cohere2moe", kDefault, Gating::kSigmoid, ExpertLayout::kMerged, SelectionBias::kNone,
              MtpKind::kMoe},
    ArchFacts{"dbrx", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"deepseek", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"deepseek2", kDefault, Gating::kSoftmax, ExpertLayout::kMerged,
              SelectionBias::kOptional, MtpKind::kMoe},
    ArchFacts{"deepseek2-ocr", kDefault, Gating::kSoftmax, ExpertLayout::kMerged,
              SelectionBias::kOptional, MtpKind::kMoe},
    ArchFacts{"deepseek32", kRequired, Gating::kSoftmax, ExpertLayout::kSeparate,
              SelectionBias::kOptional, MtpKind::kMoe},
    ArchFacts{"deepseek4", kFixed, Gating::kSqrtSoftplus, ExpertLayout::kSeparate,
              SelectionBias::kOptional, MtpKind::kMoe},
    ArchFacts{"dflash", kFixed, Gating::kSqrtSoftplus, ExpertLayout::kSeparate,
              SelectionBias::kAlways, MtpKind::kNone},
    ArchFacts{"dots1", kRequired, Gating::kSoftmax, ExpertLayout::kSeparate,
              SelectionBias::kOptional, MtpKind::kNone},
    ArchFacts{"dots3note", kRequired, Gating::kSoftmax, ExpertLayout::kSeparate,
              SelectionBias::kAlways, MtpKind::kDense},
    ArchFacts{"ernie4_5-moe", kFixed, Gating::kSoftmax, ExpertLayout::kGateOptional,
              SelectionBias::kOptional, MtpKind::kNone},
    ArchFacts{"exaone-moe", kRequired, Gating::kSoftmax, ExpertLayout::kSeparate,
              SelectionBias::kOptional, MtpKind::kDense},
    ArchFacts{"gemma4", kFixed, Gating::kSoftmax, ExpertLayout::kMerged, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"glm-dsa", kDefault, Gating::kSigmoid, ExpertLayout::kSeparate,
              SelectionBias::kOptional, MtpKind::kMoe},
    ArchFacts{"glm4moe", kDefault, Gating::kSigmoid, ExpertLayout::kSeparate,
              SelectionBias::kAlways, MtpKind::kMoe},
    ArchFacts{"gpt-oss", kFixed, Gating::kSoftmaxWeight, ExpertLayout::kSeparate,
              SelectionBias::kNone, MtpKind::kNone},
    ArchFacts{"granite", kFixed, Gating::kSoftmax, ExpertLayout::kGateOptional,
              SelectionBias::kNone, MtpKind::kNone},
    ArchFacts{"granite_swa", kFixed, Gating::kSoftmax, ExpertLayout::kMerged, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"granitehybrid", kFixed, Gating::kSoftmax, ExpertLayout::kGateOptional,
              SelectionBias::kNone, MtpKind::kNone},
    ArchFacts{"granitemoe", kFixed, Gating::kSoftmax, ExpertLayout::kGateOptional,
              SelectionBias::kNone, MtpKind::kNone},
    ArchFacts{"grok", kFixed, Gating::kSoftmax, ExpertLayout::kGateOptional, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"grovemoe", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"hunyuan-moe", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate,
              SelectionBias::kNone, MtpKind::kNone},
    ArchFacts{"hy_v3", kDefault, Gating::kSigmoid, ExpertLayout::kMerged, SelectionBias::kOptional,
              MtpKind::kMoe},
    ArchFacts{"hy_v4", kRequired, Gating::kSoftmax, ExpertLayout::kSeparate,
              SelectionBias::kOptional, MtpKind::kNone},
    ArchFacts{"jamba", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"kimi-k3", kRequired, Gating::kSoftmax, ExpertLayout::kSeparate,
              SelectionBias::kAlways, MtpKind::kNone},
    ArchFacts{"kimi-linear", kRequired, Gating::kSoftmax, ExpertLayout::kSeparate,
              SelectionBias::kAlways, MtpKind::kNone},
    ArchFacts{"laguna", kDefault, Gating::kSigmoid, ExpertLayout::kSeparate, SelectionBias::kAlways,
              MtpKind::kNone},
    ArchFacts{"lfm2moe", kRequired, Gating::kSoftmax, ExpertLayout::kSeparate,
              SelectionBias::kAlways, MtpKind::kNone},
    ArchFacts{"llada-moe", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"llama", kFixed, Gating::kSoftmax, ExpertLayout::kGateOptional, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"llama-embed", kFixed, Gating::kSoftmax, ExpertLayout::kGateOptional,
              SelectionBias::kNone, MtpKind::kNone},
    ArchFacts{"llama4", kFixed, Gating::kSigmoid, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"maple", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"mellum", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"mimo2", kFixed, Gating::kSigmoid, ExpertLayout::kSeparate, SelectionBias::kOptional,
              MtpKind::kDense},
    ArchFacts{"minicpm", kFixed, Gating::kSoftmax, ExpertLayout::kGateOptional,
              SelectionBias::kNone, MtpKind::kNone},
    ArchFacts{"minimax-01", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"minimax-m2", kRequired, Gating::kSoftmax, ExpertLayout::kSeparate,
              SelectionBias::kAlways, MtpKind::kNone},
    ArchFacts{"minimax-m3", kRequired, Gating::kSoftmax, ExpertLayout::kSeparate,
              SelectionBias::kAlways, MtpKind::kNone},
    ArchFacts{"mistral3", kFixed, Gating::kSoftmax, ExpertLayout::kGateOptional,
              SelectionBias::kNone, MtpKind::kNone},
    ArchFacts{"mistral4", kDefault, Gating::kSoftmax, ExpertLayout::kMerged,
              SelectionBias::kOptional, MtpKind::kMoe},
    ArchFacts{"nemotron_h_moe", kFixed, Gating::kSigmoid, ExpertLayout::kUngated,
              SelectionBias::kAlways, MtpKind::kMoe},
    ArchFacts{"nomic-bert-moe", kFixed, Gating::kSoftmax, ExpertLayout::kUngated,
              SelectionBias::kNone, MtpKind::kNone},
    ArchFacts{"olmoe", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"phimoe", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"qwen2moe", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"qwen35moe", kFixed, Gating::kSoftmax, ExpertLayout::kMerged, SelectionBias::kNone,
              MtpKind::kMoe},
    ArchFacts{"qwen3moe", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"qwen3next", kFixed, Gating::kSoftmax, ExpertLayout::kMerged, SelectionBias::kNone,
              MtpKind::kMoe},
    ArchFacts{"qwen3vlmoe", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"qwen4exp", kFixed, Gating::kSoftmax, ExpertLayout::kMerged, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"rnd1", kFixed, Gating::kSoftmax, ExpertLayout::kSeparate, SelectionBias::kNone,
              MtpKind::kNone},
    ArchFacts{"smallthinker", kRequired, Gating::kSoftmax, ExpertLayout::kSeparate,
              SelectionBias::kNone, MtpKind::kNone},
    ArchFacts{"step35", kDefault, Gating::kSigmoid, ExpertLayout::kSeparate,
              SelectionBias::kOptional, MtpKind::kMoe},
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
    TensorRow{"ffn_gate_chexps.weight", {TensorRole::kChunk, 3, {}}},
    TensorRow{"ffn_up_chexps.weight", {TensorRole::kChunk, 3, {}}},
    TensorRow{"ffn_down_chexps.weight", {TensorRole::kChunk, 3, {}}},
    TensorRow{"ffn_gate_tid2eid.weight", {TensorRole::kTokenTable, 2, {}}},
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

std::span<const ArchFacts> all_archs() { return kArchs; }

const ArchFacts* find_arch(std::string_view architecture) {
  const auto* const found = std::ranges::lower_bound(kArchs, architecture, {}, &ArchFacts::name);
  return found == kArchs.end() || found->name != architecture ? nullptr : found;
}

std::optional<BlockName> split_block_name(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const char* const begin = name.data() + kPrefix.size();
  const char* const end = name.data() + name.size();
  BlockName result;
  const auto [stop, ec] = std::from_chars(begin, end, result.block.value);
  if (ec != std::errc{} || stop == end || *stop != '.') return std::nullopt;
  result.suffix = {stop + 1, static_cast<std::size_t>(end - stop - 1)};
  return result;
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
  if (is_one_by_one(suffix))
    return {TensorRole::kRefused, 0,
            "experts are stored one by one, an old form that llama.cpp no "
            "longer loads; convert the original model again"};
  if (contains("_exps") || contains("_chexps") || contains("exp_probs") || contains("tid2eid") ||
      suffix.starts_with("ffn_gate_inp."))
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
