#include "support/arch_keys.h"

#include "coe/model/gguf/value.h"

#include "support/arch_models.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::testing {
namespace {

// Small, but a multiple of 32 wherever a row may be quantised.
constexpr std::uint32_t kEmbd = kArchEmbedding;
constexpr std::uint32_t kHead = 2;
constexpr std::uint32_t kFeedForward = 64;
constexpr std::uint32_t kExpertFeedForward = 32;
constexpr std::uint32_t kState = 32;  // of recurrent layers
constexpr std::uint32_t kRope = 16;   // rotated part of a head, where that is not all of it

gguf::Value f32(float value) {
  std::array<std::byte, sizeof(float)> bytes;
  std::memcpy(bytes.data(), &value, sizeof(float));
  return gguf::Value::from_bytes(gguf::ValueType::kF32, bytes);
}

// The keys of a model under way, and what its architecture makes of them.
struct Draft {
  const ArchModelSpec& spec;
  std::uint32_t n_layer = 3;  // without MTP blocks
  std::vector<gguf::KeyValue> keys;

  std::uint32_t n_block() const { return n_layer + spec.n_mtp; }
  void set(std::string_view name, gguf::Value value) {
    auto key = fmt::format("{}.{}", spec.architecture, name);
    const auto found = std::ranges::find(keys, key, &gguf::KeyValue::key);
    if (found != keys.end())
      found->value = std::move(value);
    else
      keys.push_back({std::move(key), std::move(value)});
  }
  void set(std::string_view name, std::uint32_t value) { set(name, gguf::Value::u32(value)); }
  void set(std::string_view name, float value) { set(name, f32(value)); }
  void set(std::string_view name, bool value) { set(name, gguf::Value::boolean(value)); }
  void set(std::string_view name, const std::vector<std::uint32_t>& values) {
    set(name, gguf::Value::array_u32(values));
  }
  void erase(std::string_view name) {
    const auto key = fmt::format("{}.{}", spec.architecture, name);
    std::erase_if(keys, [&](const auto& item) { return item.key == key; });
  }
  // One value a block.
  void set_each(std::string_view name, const std::function<std::uint32_t(std::uint32_t)>& of) {
    std::vector<std::uint32_t> values(n_block());
    for (std::uint32_t i = 0; i < n_block(); ++i) values[i] = of(i);
    set(name, values);
  }
};

void set_routing(Draft& draft) {
  const auto& spec = draft.spec;
  draft.set("expert_count", spec.n_expert);
  draft.set("expert_used_count", spec.n_expert_used);
  if (spec.n_group > 0) {
    draft.set("expert_group_count", spec.n_group);
    draft.set("expert_group_used_count", spec.n_group_used);
  }
  if (spec.n_mtp > 0) draft.set("nextn_predict_layers", spec.n_mtp);
  if (spec.gating != 0) draft.set("expert_gating_func", spec.gating);
  draft.set("expert_weights_norm", true);
  draft.set("expert_weights_scale", 1.5F);
  draft.set("expert_feed_forward_length", kExpertFeedForward);
  draft.set("expert_shared_feed_forward_length", kExpertFeedForward);
  draft.set("expert_shared_count", 1U);
  draft.set("leading_dense_block_count", 1U);
}

void set_shape(Draft& draft) {
  draft.set("vocab_size", kArchVocabulary);
  draft.set("context_length", 256U);
  draft.set("embedding_length", kEmbd);
  draft.set("block_count", draft.n_block());
  draft.set("feed_forward_length", kFeedForward);
  draft.set("attention.head_count", kHead);
  draft.set("attention.head_count_kv", kHead);
  draft.set("attention.layer_norm_epsilon", 1e-5F);
  draft.set("attention.layer_norm_rms_epsilon", 1e-5F);
  draft.set("attention.clamp_kqv", 8.0F);
  draft.set("attention.sliding_window", 8U);
  draft.set("rope.dimension_sections", std::vector<std::uint32_t>{4, 4, 4, 4});
  draft.set("logit_scale", 1.0F);
}

// Queries and keys in low rank, as DeepSeek V2 has them.
void set_mla(Draft& draft) {
  draft.set("attention.head_count_kv", 1U);
  draft.set("attention.q_lora_rank", 32U);
  draft.set("attention.kv_lora_rank", 32U);
  draft.set("attention.key_length", 32U + kRope);
  draft.set("attention.value_length", 32U);
  draft.set("attention.key_length_mla", 32U);
  draft.set("attention.value_length_mla", 32U);
  draft.set("rope.dimension_count", kRope);
}

// The small network that picks the keys of sparse attention.
void set_indexer(Draft& draft) {
  draft.set("attention.indexer.head_count", kHead);
  draft.set("attention.indexer.key_length", 64U);  // it is rotated by a matrix of at least 64
  draft.set("attention.indexer.top_k", 256U);      // all keys: the choice is not what is tested
}

void set_ssm(Draft& draft) {
  draft.set("ssm.conv_kernel", 4U);
  draft.set("ssm.inner_size", 2 * kEmbd);
  draft.set("ssm.state_size", kState);
  draft.set("ssm.time_step_rank", 2 * kEmbd / kState);
  draft.set("ssm.group_count", 2U);
  draft.set("full_attention_interval", 2U);
}

// Layer 1 is recurrent where the number of heads says so.
void set_recurrent_heads(Draft& draft, std::uint32_t n_head_kv) {
  draft.set_each("attention.head_count", [](std::uint32_t) { return kHead; });
  draft.set_each("attention.head_count_kv",
                 [=](std::uint32_t i) { return i == 1 ? 0U : n_head_kv; });
}

void set_window_pattern(Draft& draft) {
  draft.set_each("attention.sliding_window_pattern", [](std::uint32_t i) { return i % 2; });
  draft.set("rope.freq_base_swa", 10000.0F);
}

// --- architectures ------------------------------------------------------------------------------

void adjust_none(Draft&) {}

void adjust_bailingmoe3(Draft& draft) {
  set_mla(draft);
  set_ssm(draft);
  set_recurrent_heads(draft, 1);
  draft.set("kda.head_dim", kState);
  draft.set("kda.safe_gate", true);
  draft.set("kda.gate_lower_bound", -5.0F);
}

void adjust_deepseek4(Draft& draft) {
  draft.n_layer = 4;
  draft.set("block_count", draft.n_block());
  draft.set("expert_gating_func", 4U);  // nothing else loads
  draft.set("attention.head_count_kv", 1U);
  draft.set("attention.key_length", 32U);
  draft.set("attention.value_length", 32U);
  draft.set("rope.dimension_count", kRope);
  draft.set("attention.q_lora_rank", 32U);
  draft.set("attention.output_group_count", kHead);
  draft.set("attention.output_lora_rank", 32U);
  draft.set("attention.compress_rope_freq_base", 160000.0F);
  draft.set_each("attention.compress_ratios", [](std::uint32_t i) { return i == 2 ? 4U : 0U; });
  draft.set("hyper_connection.count", 4U);
  draft.set("hyper_connection.sinkhorn_iterations", 2U);
  draft.set("hyper_connection.epsilon", 1e-6F);
  draft.set("hash_layer_count", draft.spec.n_hash_layer);
  draft.set("swiglu_clamp_exp", 10.0F);
  set_indexer(draft);
}

void adjust_dflash(Draft& draft) {
  adjust_deepseek4(draft);
  draft.set_each("attention.compress_ratios", [](std::uint32_t) { return 0U; });
  draft.set("target_layers", std::vector<std::uint32_t>{0, 1});
  draft.erase("rope.dimension_sections");
}

void adjust_dots3note(Draft& draft) {
  set_mla(draft);
  set_indexer(draft);
  set_window_pattern(draft);
  draft.set("attention.kv_lora_rank_swa", 32U);
  draft.set("attention.key_length_swa", 32U + kRope);
  draft.set("attention.value_length_swa", 32U);
  draft.set("attention.key_length_mla_swa", 32U);
  draft.set("attention.value_length_mla_swa", 32U);
  draft.set_each("attention.indexer.types", [](std::uint32_t i) { return i % 2 == 0 ? 1U : 0U; });
}

void adjust_ernie(Draft& draft) { draft.set("interleave_moe_layer_step", 1U); }

void adjust_gemma4(Draft& draft) {
  set_window_pattern(draft);
  draft.set("embedding_length_per_layer_input", 0U);
  draft.set("attention.shared_kv_layers", 0U);
  draft.set("attention.key_length_swa", 32U);
  draft.set("attention.value_length_swa", 32U);
}

void adjust_grovemoe(Draft& draft) {
  draft.set("expert_chunk_feed_forward_length", kExpertFeedForward);
  draft.set("expert_group_scale", 0.5F);
  draft.set("experts_per_group", 2U);
}

void adjust_hybrid_mamba(Draft& draft) {
  set_ssm(draft);
  set_recurrent_heads(draft, kHead);
}

void adjust_hy_v4(Draft& draft) {
  set_mla(draft);
  set_indexer(draft);
  draft.set_each("attention.indexer.types", [](std::uint32_t i) { return i % 2 == 0 ? 1U : 0U; });
  draft.set("hyper_connection.count", 4U);
  draft.set("hyper_connection.epsilon", 1e-6F);
  draft.set("hyper_connection.magnitude", 2.0F);
  draft.set("swiglu_clamp_exp", 10.0F);
}

void adjust_kimi(Draft& draft) {
  adjust_bailingmoe3(draft);
  draft.set("expert_latent_length", kExpertFeedForward);
  draft.set("attn_res.block_size", 12U);
  draft.set("activation.situ_beta", 4.0F);
  draft.set("activation.situ_linear_beta", 25.0F);
}

void adjust_lfm2moe(Draft& draft) {
  set_recurrent_heads(draft, kHead);
  draft.set("shortconv.l_cache", 3U);
}

void adjust_llama4(Draft& draft) {
  draft.n_layer = 4;
  draft.set("block_count", draft.n_block());
  draft.set("interleave_moe_layer_step", 2U);
}

void adjust_maple(Draft& draft) {
  set_window_pattern(draft);
  draft.set("swiglu_clamp_exp", 7.0F);
}

void adjust_minimax_01(Draft& draft) {
  draft.set("residual_scale", 1.5F);
  draft.set("full_attention_interval", 2U);
}

void adjust_minimax_m3(Draft& draft) {
  set_indexer(draft);
  draft.set("rope.dimension_count", kRope);
  draft.set("attention.indexer.block_size", 4U);
  draft.set("attention.indexer.local_blocks", 1U);
}

void adjust_mla(Draft& draft) { set_mla(draft); }

void adjust_mla_indexer(Draft& draft) {
  set_mla(draft);
  set_indexer(draft);
}

// Layer 0 is recurrent, 1 attends, the others have experts.
void adjust_nemotron(Draft& draft) {
  set_ssm(draft);
  draft.n_layer = 4;
  draft.set("block_count", draft.n_block());
  const auto n_layer = draft.n_layer;
  draft.set_each("attention.head_count", [](std::uint32_t) { return kHead; });
  draft.set_each("attention.head_count_kv",
                 [=](std::uint32_t i) { return i == 1 || i >= n_layer ? kHead : 0U; });
  draft.set_each("feed_forward_length", [](std::uint32_t i) { return i < 2 ? 0U : kFeedForward; });
  draft.set("moe_latent_size", 32U);
  if (!draft.spec.uneven_layers) return;
  const auto n_used = draft.spec.n_expert_used;
  draft.set_each("expert_used_count",
                 [=](std::uint32_t i) { return i == 2 ? n_used + 1 : n_used; });
  draft.set_each("expert_feed_forward_length", [](std::uint32_t i) {
    return i == 2 ? 2 * kExpertFeedForward : kExpertFeedForward;
  });
}

void adjust_nomic(Draft& draft) {
  draft.set("moe_every_n_layers", 2U);
  draft.keys.push_back({"tokenizer.ggml.token_type_count", gguf::Value::u32(2)});
}

void adjust_qwen4exp(Draft& draft) {
  set_ssm(draft);
  set_indexer(draft);
  draft.set("attention.indexer.key_length", kEmbd / kHead);
  draft.set("hyper_connection.count", 4U);
  draft.set("hyper_connection.low_rank", 8U);
}

void adjust_window(Draft& draft) { set_window_pattern(draft); }

void adjust_ssm(Draft& draft) { set_ssm(draft); }

// Blocks that predict further tokens.
enum class Mtp {
  kNone,    // none, or without experts
  kAsked,   // llama.cpp says what they hold
  kByHand,  // see ArchDraft::mtp_by_hand
};

struct ArchRow {
  std::string_view name;
  void (*adjust)(Draft&) = adjust_none;
  Mtp mtp = Mtp::kNone;
  bool dense_by_absence = false;  // see ArchDraft
};

// By name.
constexpr std::array kRows = {
    ArchRow{"afmoe"},
    ArchRow{"arctic"},
    ArchRow{"bailingmoe"},
    ArchRow{"bailingmoe2", adjust_none, Mtp::kByHand},
    ArchRow{"bailingmoe3", adjust_bailingmoe3, Mtp::kAsked},
    ArchRow{"cohere2moe", adjust_window, Mtp::kAsked},
    ArchRow{"dbrx"},
    ArchRow{"deepseek"},
    ArchRow{"deepseek2", adjust_mla, Mtp::kAsked},
    ArchRow{"deepseek2-ocr"},
    ArchRow{"deepseek32", adjust_mla_indexer, Mtp::kAsked},
    ArchRow{"deepseek4", adjust_deepseek4, Mtp::kByHand},
    ArchRow{"dflash", adjust_dflash},
    ArchRow{"dots1"},
    ArchRow{"dots3note", adjust_dots3note},
    ArchRow{"ernie4_5-moe", adjust_ernie},
    ArchRow{"exaone-moe"},
    ArchRow{"gemma4", adjust_gemma4},
    ArchRow{"glm-dsa", adjust_mla_indexer, Mtp::kAsked},
    ArchRow{"glm4moe", adjust_none, Mtp::kAsked},
    ArchRow{"gpt-oss"},
    ArchRow{"granite"},
    ArchRow{"granite_swa", adjust_window},
    ArchRow{"granitehybrid", adjust_hybrid_mamba},
    ArchRow{"granitemoe"},
    ArchRow{"grok"},
    ArchRow{"grovemoe", adjust_grovemoe},
    ArchRow{"hunyuan-moe"},
    ArchRow{"hy_v3", adjust_none, Mtp::kAsked, true},
    ArchRow{"hy_v4", adjust_hy_v4},
    ArchRow{"jamba", adjust_hybrid_mamba},
    ArchRow{"kimi-k3", adjust_kimi},
    ArchRow{"kimi-linear", adjust_kimi},
    ArchRow{"laguna"},
    ArchRow{"lfm2moe", adjust_lfm2moe},
    ArchRow{"llada-moe"},
    ArchRow{"llama"},
    ArchRow{"llama-embed"},
    ArchRow{"llama4", adjust_llama4},
    ArchRow{"maple", adjust_maple},
    ArchRow{"mellum"},
    ArchRow{"mimo2", adjust_window, Mtp::kNone, true},
    ArchRow{"minicpm"},
    ArchRow{"minimax-01", adjust_minimax_01},
    ArchRow{"minimax-m2"},
    ArchRow{"minimax-m3", adjust_minimax_m3},
    ArchRow{"mistral3"},
    ArchRow{"mistral4", adjust_mla, Mtp::kAsked},
    ArchRow{"nemotron_h_moe", adjust_nemotron, Mtp::kAsked},
    ArchRow{"nomic-bert-moe", adjust_nomic},
    ArchRow{"olmoe"},
    ArchRow{"phimoe"},
    ArchRow{"qwen2moe"},
    ArchRow{"qwen35moe", adjust_ssm, Mtp::kAsked},
    ArchRow{"qwen3moe"},
    ArchRow{"qwen3next", adjust_ssm, Mtp::kAsked},
    ArchRow{"qwen3vlmoe"},
    ArchRow{"qwen4exp", adjust_qwen4exp},
    ArchRow{"rnd1"},
    ArchRow{"smallthinker"},
    ArchRow{"step35", adjust_window, Mtp::kAsked, true},
};
static_assert(std::ranges::is_sorted(kRows, {}, &ArchRow::name));

const ArchRow& row_of(const ArchModelSpec& spec) {
  const auto* const row = std::ranges::find(kRows, spec.architecture, &ArchRow::name);
  const auto refuse = [&](std::string_view what) {
    throw std::runtime_error(fmt::format("{}: {}", spec.architecture, what));
  };
  if (row == kRows.end()) refuse("no such architecture");
  if (spec.n_mtp > 0 && row->mtp == Mtp::kNone) refuse("has no MTP blocks with experts");
  if (spec.n_hash_layer > 0 && spec.architecture != "deepseek4") refuse("has no hash layers");
  if (spec.uneven_layers && spec.architecture != "nemotron_h_moe") refuse("has equal layers");
  return *row;
}

}  // namespace

std::vector<std::string_view> arch_model_names() {
  std::vector<std::string_view> names;
  names.reserve(kRows.size());
  for (const auto& row : kRows) names.push_back(row.name);
  return names;
}

ArchDraft draft_arch(const ArchModelSpec& spec) {
  const ArchRow& row = row_of(spec);
  Draft draft{.spec = spec, .keys = {}};
  draft.keys.push_back({"general.architecture", gguf::Value::string(spec.architecture)});
  draft.keys.push_back({"general.name", gguf::Value::string("Tiny " + spec.architecture)});
  draft.keys.push_back({"tokenizer.ggml.model", gguf::Value::string("no_vocab")});
  set_shape(draft);
  set_routing(draft);
  row.adjust(draft);
  ArchDraft out;
  out.keys = draft.keys;
  out.mtp_by_hand = row.mtp == Mtp::kByHand;
  if (out.mtp_by_hand) draft.erase("nextn_predict_layers");
  out.asked_keys = std::move(draft.keys);
  out.n_layer = draft.n_layer;
  out.n_block = draft.n_block();
  out.dense_by_absence = row.dense_by_absence;
  return out;
}

}  // namespace coe::testing
