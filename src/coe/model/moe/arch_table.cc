#include "coe/model/moe/arch_table.h"

#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>

namespace coe {
namespace {

constexpr auto kDefault = GatingSource::kKeyOrDefault;
constexpr auto kRequired = GatingSource::kKeyRequired;

// By name; a row says where an architecture differs from the defaults of ArchFacts.
constexpr std::array kArchs = {
    ArchFacts{.name = "afmoe",
              .source = kDefault,
              .gating = Gating::kSigmoid,
              .bias = SelectionBias::kAlways},
    ArchFacts{.name = "arctic"},
    ArchFacts{.name = "bailingmoe"},
    ArchFacts{.name = "bailingmoe2",
              .source = kRequired,
              .bias = SelectionBias::kOptional,
              .mtp = MtpKind::kMoe},
    ArchFacts{.name = "bailingmoe3",
              .source = kRequired,
              .bias = SelectionBias::kAlways,
              .mtp = MtpKind::kMoe},
    ArchFacts{.name = "cohere2moe",
              .source = kDefault,
              .gating = Gating::kSigmoid,
              .layout = ExpertLayout::kMerged,
              .mtp = MtpKind::kMoe},
    ArchFacts{.name = "dbrx"},
    ArchFacts{.name = "deepseek"},
    ArchFacts{.name = "deepseek2",
              .source = kDefault,
              .layout = ExpertLayout::kMerged,
              .bias = SelectionBias::kOptional,
              .mtp = MtpKind::kMoe},
    ArchFacts{.name = "deepseek2-ocr",
              .source = kDefault,
              .layout = ExpertLayout::kMerged,
              .bias = SelectionBias::kOptional,
              .mtp = MtpKind::kMoe},
    ArchFacts{.name = "deepseek32",
              .source = kRequired,
              .bias = SelectionBias::kOptional,
              .mtp = MtpKind::kMoe},
    ArchFacts{.name = "deepseek4",
              .gating = Gating::kSqrtSoftplus,
              .bias = SelectionBias::kOptional,
              .mtp = MtpKind::kMoe},
    ArchFacts{.name = "dflash", .gating = Gating::kSqrtSoftplus, .bias = SelectionBias::kAlways},
    ArchFacts{.name = "dots1", .source = kRequired, .bias = SelectionBias::kOptional},
    ArchFacts{.name = "dots3note",
              .source = kRequired,
              .bias = SelectionBias::kAlways,
              .mtp = MtpKind::kDense},
    ArchFacts{.name = "ernie4_5-moe",
              .layout = ExpertLayout::kGateOptional,
              .bias = SelectionBias::kOptional},
    ArchFacts{.name = "exaone-moe",
              .source = kRequired,
              .bias = SelectionBias::kOptional,
              .mtp = MtpKind::kDense},
    ArchFacts{.name = "gemma4", .layout = ExpertLayout::kMerged, .output_norm = true},
    ArchFacts{.name = "glm-dsa",
              .source = kDefault,
              .gating = Gating::kSigmoid,
              .bias = SelectionBias::kOptional,
              .mtp = MtpKind::kMoe},
    ArchFacts{.name = "glm4moe",
              .source = kDefault,
              .gating = Gating::kSigmoid,
              .bias = SelectionBias::kAlways,
              .mtp = MtpKind::kMoe},
    ArchFacts{.name = "gpt-oss", .gating = Gating::kSoftmaxWeight},
    ArchFacts{.name = "granite", .layout = ExpertLayout::kGateOptional},
    ArchFacts{.name = "granite_swa", .layout = ExpertLayout::kMerged},
    ArchFacts{.name = "granitehybrid", .layout = ExpertLayout::kGateOptional},
    ArchFacts{.name = "granitemoe", .layout = ExpertLayout::kGateOptional},
    ArchFacts{.name = "grok", .layout = ExpertLayout::kGateOptional},
    ArchFacts{.name = "grovemoe", .chunks = true},
    ArchFacts{.name = "hunyuan-moe"},
    ArchFacts{.name = "hy_v3",
              .source = kDefault,
              .gating = Gating::kSigmoid,
              .layout = ExpertLayout::kMerged,
              .bias = SelectionBias::kOptional,
              .mtp = MtpKind::kMoe},
    ArchFacts{.name = "hy_v4", .source = kRequired, .bias = SelectionBias::kOptional},
    ArchFacts{.name = "jamba"},
    ArchFacts{.name = "kimi-k3", .source = kRequired, .bias = SelectionBias::kAlways},
    ArchFacts{.name = "kimi-linear", .source = kRequired, .bias = SelectionBias::kAlways},
    ArchFacts{.name = "laguna",
              .source = kDefault,
              .gating = Gating::kSigmoid,
              .bias = SelectionBias::kAlways},
    ArchFacts{.name = "lfm2moe", .source = kRequired, .bias = SelectionBias::kAlways},
    ArchFacts{.name = "llada-moe"},
    ArchFacts{.name = "llama", .layout = ExpertLayout::kGateOptional},
    ArchFacts{.name = "llama-embed", .layout = ExpertLayout::kGateOptional},
    ArchFacts{.name = "llama4",
              .gating = Gating::kSigmoid,
              .unsafe_n_expert = 128,
              .why_unsafe = "llama.cpp switches the normalisation of queries and keys on for every "
                            "expert count but "
                            "128, so any other count changes the model"},
    ArchFacts{.name = "maple"},
    ArchFacts{.name = "mellum"},
    ArchFacts{.name = "mimo2",
              .gating = Gating::kSigmoid,
              .bias = SelectionBias::kOptional,
              .mtp = MtpKind::kDense},
    ArchFacts{.name = "minicpm", .layout = ExpertLayout::kGateOptional},
    ArchFacts{.name = "minimax-01"},
    ArchFacts{.name = "minimax-m2", .source = kRequired, .bias = SelectionBias::kAlways},
    ArchFacts{.name = "minimax-m3", .source = kRequired, .bias = SelectionBias::kAlways},
    ArchFacts{.name = "mistral3", .layout = ExpertLayout::kGateOptional},
    ArchFacts{.name = "mistral4",
              .source = kDefault,
              .layout = ExpertLayout::kMerged,
              .bias = SelectionBias::kOptional,
              .mtp = MtpKind::kMoe},
    ArchFacts{.name = "nemotron_h_moe",
              .gating = Gating::kSigmoid,
              .layout = ExpertLayout::kUngated,
              .bias = SelectionBias::kAlways,
              .mtp = MtpKind::kMoe},
    ArchFacts{.name = "nomic-bert-moe", .layout = ExpertLayout::kUngated},
    ArchFacts{.name = "olmoe"},
    ArchFacts{.name = "phimoe"},
    ArchFacts{.name = "qwen2moe"},
    ArchFacts{.name = "qwen35moe", .layout = ExpertLayout::kMerged, .mtp = MtpKind::kMoe},
    ArchFacts{.name = "qwen3moe"},
    ArchFacts{.name = "qwen3next", .layout = ExpertLayout::kMerged, .mtp = MtpKind::kMoe},
    ArchFacts{.name = "qwen3vlmoe"},
    ArchFacts{.name = "qwen4exp", .layout = ExpertLayout::kMerged},
    ArchFacts{.name = "rnd1"},
    ArchFacts{.name = "smallthinker", .source = kRequired},
    ArchFacts{.name = "step35",
              .source = kDefault,
              .gating = Gating::kSigmoid,
              .bias = SelectionBias::kOptional,
              .mtp = MtpKind::kMoe},
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
    // ffn_down_exps.scale, as Ollama called it at first.
    TensorRow{"ffn_gate_inp.per_expert_scale", per_expert(1)},
    TensorRow{"ffn_norm_exps.weight", {}},  // width of the embedding
};

constexpr std::array<std::string_view, 4> kExpertStems = {"ffn_gate_exps.", "ffn_up_exps.",
                                                          "ffn_down_exps.", "ffn_gate_up_exps."};

struct KindRow {
  std::string_view kind;
  std::size_t n_dims;
};

// The tensors in kExpertStems come in these kinds.
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
  const auto* arch = find_arch(architecture);
  if (arch == nullptr || arch->unsafe_n_expert == 0 || arch->unsafe_n_expert != n_expert)
    return std::nullopt;
  return arch->why_unsafe;
}

bool has_fused_top_k(std::uint32_t n_expert) {
  return (std::has_single_bit(n_expert) && n_expert <= 512) || n_expert == 288 || n_expert == 576;
}

}  // namespace coe
