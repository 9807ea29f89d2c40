#include "support/arch_models.h"

#include "coe/base/file.h"
#include "coe/base/rng.h"
#include "coe/gguf/reader.h"
#include "coe/gguf/tensor_type.h"
#include "coe/gguf/value.h"
#include "coe/gguf/writer.h"

#include <fmt/format.h>
#include <ggml.h>
#include <gguf.h>
#include <llama.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::testing {
namespace {

// --- hyperparameters ----------------------------------------------------------------------------

// Small, but a multiple of 32 wherever a row may be quantised.
constexpr std::uint32_t kEmbd = 64;
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

// An array value of fixed-size elements.
template <class T>
gguf::Value array_of(gguf::ValueType element, const std::vector<T>& values) {
  const auto type = static_cast<std::uint32_t>(element);
  const std::uint64_t count = values.size();
  std::vector<std::byte> bytes(sizeof(type) + sizeof(count) + count * sizeof(T));
  std::memcpy(bytes.data(), &type, sizeof(type));
  std::memcpy(bytes.data() + sizeof(type), &count, sizeof(count));
  std::memcpy(bytes.data() + sizeof(type) + sizeof(count), values.data(), count * sizeof(T));
  return gguf::Value::from_bytes(gguf::ValueType::kArray, bytes);
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
  void set(std::string_view name, const std::vector<float>& values) {
    set(name, array_of(gguf::ValueType::kF32, values));
  }
  void erase(std::string_view name) {
    const auto key = fmt::format("{}.{}", spec.architecture, name);
    std::erase_if(keys, [&](const auto& item) { return item.key == key; });
  }
  // One value a block.
  void set_each(std::string_view name, const std::function<std::uint32_t(std::uint32_t)>& of) {
    std::vector<std::uint32_t> values;
    for (std::uint32_t i = 0; i < n_block(); ++i) values.push_back(of(i));
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
  draft.set("expert_gating_func", spec.gating == 0 ? 2 : spec.gating);
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

// --- architectures -----------------------------------------------------------------------------

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
  draft.set("expert_gating_func", 4U);
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
  kByHand,  // it does not, because it never reads them: an ordinary block and what MTP adds
};

struct ArchRow {
  std::string_view name;
  void (*adjust)(Draft&) = adjust_none;
  Mtp mtp = Mtp::kNone;
  // A block is dense when it has no router: block 0 gets none, the others no dense matrices.
  bool dense_by_absence = false;
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

Draft draft_model(const ArchModelSpec& spec, const ArchRow& row) {
  Draft draft{.spec = spec, .keys = {}};
  draft.keys.push_back({"general.architecture", gguf::Value::string(spec.architecture)});
  draft.keys.push_back({"general.name", gguf::Value::string("Tiny " + spec.architecture)});
  draft.keys.push_back({"tokenizer.ggml.model", gguf::Value::string("no_vocab")});
  set_shape(draft);
  set_routing(draft);
  row.adjust(draft);
  return draft;
}

// What llama.cpp is asked about: the model itself, or one with ordinary blocks in place of MTP.
std::vector<gguf::KeyValue> asked_keys(Draft draft, const ArchRow& row) {
  if (row.mtp == Mtp::kByHand) draft.erase("nextn_predict_layers");
  return std::move(draft.keys);
}

// --- tensors: what llama.cpp asks for ------------------------------------------------------------

struct GgufDeleter {
  void operator()(gguf_context* context) const { gguf_free(context); }
};
struct ModelDeleter {
  void operator()(llama_model* model) const { llama_model_free(model); }
};

// Takes llama.cpp's log while it lives, to tell why a model was refused.
class LogCapture {
 public:
  LogCapture() {
    llama_log_get(&callback_, &user_);
    llama_log_set(take, this);
  }
  ~LogCapture() { llama_log_set(callback_, user_); }
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;
  const std::string& error() const { return error_; }

 private:
  static void take(ggml_log_level level, const char* text, void* self) {
    if (level == GGML_LOG_LEVEL_ERROR) static_cast<LogCapture*>(self)->error_ += text;
  }
  ggml_log_callback callback_ = nullptr;
  void* user_ = nullptr;
  std::string error_;
};

// Called by llama.cpp for each tensor it has made; a tensor that serves twice comes twice.
void note_tensor(ggml_tensor* tensor, void* wanted) {
  auto& infos = *static_cast<std::vector<gguf::TensorInfo>*>(wanted);
  gguf::TensorInfo info;
  info.name = ggml_get_name(tensor);
  if (std::ranges::find(infos, info.name, &gguf::TensorInfo::name) != infos.end()) return;
  info.n_dims = static_cast<std::uint32_t>(ggml_n_dims(tensor));
  for (std::size_t d = 0; d < gguf::kMaxDims; ++d)
    info.ne[d] = static_cast<std::uint64_t>(tensor->ne[d]);
  infos.push_back(std::move(info));
}

std::vector<gguf::TensorInfo> wanted_tensors(const std::vector<gguf::KeyValue>& keys) {
  gguf::Header header;
  header.keys = keys;
  const auto bytes = gguf::encode_header(header);
  if (!bytes) throw std::runtime_error(bytes.error().message);
  const std::unique_ptr<gguf_context, GgufDeleter> metadata(
      gguf_init_from_buffer(bytes->data(), bytes->size(), {.no_alloc = true, .ctx = nullptr}));
  if (!metadata) throw std::runtime_error("ggml does not read the keys");
  llama_backend_init();
  const LogCapture log;
  auto params = llama_model_default_params();
  params.n_gpu_layers = 0;
  params.load_mtp = true;
  std::vector<gguf::TensorInfo> infos;
  const std::unique_ptr<llama_model, ModelDeleter> model(
      llama_model_init_from_user(metadata.get(), note_tensor, &infos, params));
  if (!model) throw std::runtime_error("llama.cpp refuses the keys: " + log.error());
  return infos;
}

// --- tensors: which of them the file has ---------------------------------------------------------

bool ends_with_any(std::string_view name, std::initializer_list<std::string_view> ends) {
  return std::ranges::any_of(ends, [&](auto end) { return name.ends_with(end); });
}

bool contains(std::string_view name, std::string_view part) {
  return name.find(part) != std::string_view::npos;
}

bool is_scale(std::string_view name) { return ends_with_any(name, {".scale", ".input_scale"}); }

bool is_wanted_scale(std::string_view name, const ArchModelSpec& spec) {
  if (name.ends_with("ffn_gate_inp.scale")) return true;
  if (spec.architecture == "gemma4" && name.ends_with("ffn_down_exps.scale")) return true;
  return spec.expert_scales && contains(name, "_exps.");
}

// llama.cpp offers every tensor that may be there; this leaves out what would stand beside another
// form of the same, or what the spec does not want.
bool is_wanted(const gguf::TensorInfo& info, const ArchModelSpec& spec, const ArchRow& row) {
  const std::string_view name = info.name;
  if (is_scale(name)) return is_wanted_scale(name, spec);
  if (contains(name, "exp_probs_b") && !spec.selection_bias) return false;
  if (!row.dense_by_absence) return true;
  const bool of_experts = contains(name, "_exps.") || contains(name, "_shexp.") ||
                          contains(name, ".ffn_gate_inp") || contains(name, "exp_probs_b");
  const bool dense =
      ends_with_any(name, {".ffn_gate.weight", ".ffn_up.weight", ".ffn_down.weight"});
  return name.starts_with("blk.0.") ? !of_experts : !dense;
}

// gate and up as two tensors, with scales where the spec wants them.
void split_gate_up(const gguf::TensorInfo& merged, const ArchModelSpec& spec,
                   std::vector<gguf::TensorInfo>& out) {
  for (const std::string_view part : {"ffn_gate_exps", "ffn_up_exps"}) {
    auto info = merged;
    info.name.replace(info.name.find("ffn_gate_up_exps"), std::strlen("ffn_gate_up_exps"), part);
    info.ne[1] /= 2;
    out.push_back(info);
    if (!spec.expert_scales) continue;
    const auto stem = info.name.substr(0, info.name.size() - std::strlen("weight"));
    for (const std::string_view kind : {"scale", "input_scale"})
      out.push_back(
          {.name = fmt::format("{}{}", stem, kind), .n_dims = 1, .ne = {spec.n_expert, 1, 1, 1}});
  }
}

// What MTP adds to an ordinary block.
void add_mtp(const Draft& draft, std::vector<gguf::TensorInfo>& infos) {
  for (std::uint32_t block = draft.n_layer; block < draft.n_block(); ++block) {
    const auto add = [&](std::string_view name, std::initializer_list<std::uint64_t> ne) {
      gguf::TensorInfo info{.name = fmt::format("blk.{}.{}.weight", block, name),
                            .n_dims = static_cast<std::uint32_t>(ne.size())};
      std::ranges::copy(ne, info.ne.begin());
      infos.push_back(std::move(info));
    };
    add("nextn.eh_proj", {2 * kEmbd, kEmbd});
    add("nextn.enorm", {kEmbd});
    add("nextn.hnorm", {kEmbd});
    if (draft.spec.architecture == "bailingmoe2") add("layer_output_norm", {kEmbd});
  }
}

std::vector<gguf::TensorInfo> choose_tensors(const Draft& draft, const ArchRow& row) {
  const auto& spec = draft.spec;
  std::vector<gguf::TensorInfo> chosen;
  bool merged = false;
  for (auto& info : wanted_tensors(asked_keys(draft, row))) {
    if (!is_wanted(info, spec, row)) continue;
    const bool both = contains(info.name, "ffn_gate_up_exps.");
    merged = merged || both;
    if (both && !spec.merged_gate_up)
      split_gate_up(info, spec, chosen);
    else
      chosen.push_back(std::move(info));
  }
  if (spec.merged_gate_up && !merged)
    throw std::runtime_error(spec.architecture + ": does not merge gate and up");
  if (row.mtp == Mtp::kByHand) add_mtp(draft, chosen);
  return chosen;
}

// --- values --------------------------------------------------------------------------------------

// A tensor's numbers depend on its name and the seed alone.
Rng rng_of(std::string_view name, std::uint64_t seed) {
  std::uint64_t hash = seed;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return Rng(hash);
}

// Values are uniform in [middle - spread, middle + spread].
struct Spread {
  double middle = 0.0;
  double spread = 0.0;
};

Spread spread_of(const gguf::TensorInfo& info) {
  const std::string_view name = info.name;
  if (contains(name, "ssm_a")) return {-1.0, 0.5};  // a decay
  if (is_scale(name)) return {1.0, 0.5};
  if (contains(name, "rope_f")) return {1.0, 0.5};  // divides frequencies
  if (contains(name, "norm") && !name.ends_with(".bias")) return {1.0, 0.3};
  if (info.n_dims < 2) return {0.0, 0.2};
  const double unit = std::sqrt(3.0 / static_cast<double>(info.ne[0]));  // keeps a vector's scale
  if (name == "token_embd.weight") return {0.0, 1.5};
  if (name.ends_with("ffn_gate_inp.weight")) return {0.0, 2.0 * unit};  // decisive
  return {0.0, unit};
}

std::vector<float> random_floats(const gguf::TensorInfo& info, std::uint64_t seed) {
  std::uint64_t n = 1;
  for (const auto ne : info.ne) n *= ne;
  auto rng = rng_of(info.name, seed);
  const auto [middle, spread] = spread_of(info);
  std::vector<float> values(n);
  for (auto& value : values)
    value = static_cast<float>(middle + spread * (2.0 * rng.uniform() - 1.0));
  return values;
}

bool is_expert_matrix(std::string_view name) {
  return ends_with_any(name, {"_exps.weight", "_chexps.weight"});
}

std::vector<std::byte> quantised(const std::vector<float>& values, std::uint64_t width,
                                 ggml_type type) {
  const auto n_row = static_cast<std::int64_t>(values.size() / width);
  std::vector<std::byte> bytes(ggml_row_size(type, static_cast<std::int64_t>(width)) *
                               static_cast<std::size_t>(n_row));
  ggml_quantize_chunk(type, values.data(), bytes.data(), 0, n_row, static_cast<std::int64_t>(width),
                      nullptr);
  return bytes;
}

// A table from tokens to experts: rows of different ids.
std::vector<std::byte> expert_table(const gguf::TensorInfo& info, const ArchModelSpec& spec) {
  auto rng = rng_of(info.name, spec.seed);
  std::vector<std::int32_t> ids(spec.n_expert);
  for (std::uint32_t e = 0; e < spec.n_expert; ++e) ids[e] = static_cast<std::int32_t>(e);
  std::vector<std::int32_t> table;
  for (std::uint64_t token = 0; token < info.ne[1]; ++token) {
    rng.shuffle(std::span(ids));
    table.insert(table.end(), ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(info.ne[0]));
  }
  std::vector<std::byte> bytes(table.size() * sizeof(std::int32_t));
  std::memcpy(bytes.data(), table.data(), bytes.size());
  return bytes;
}

gguf::TensorData make_tensor(gguf::TensorInfo info, const ArchModelSpec& spec) {
  gguf::TensorData tensor;
  if (info.name.find("tid2eid") != std::string::npos) {
    info.type = gguf::type_from_name("I32").value();
    tensor.bytes = expert_table(info, spec);
  } else {
    const auto type =
        gguf::type_from_name(is_expert_matrix(info.name) ? spec.expert_type : "F32").value();
    info.type = type;
    tensor.bytes = quantised(random_floats(info, spec.seed), info.ne[0],
                             static_cast<ggml_type>(static_cast<std::uint32_t>(type)));
  }
  tensor.info = std::move(info);
  return tensor;
}

}  // namespace

std::vector<std::string_view> arch_model_names() {
  std::vector<std::string_view> names;
  for (const auto& row : kRows) names.push_back(row.name);
  return names;
}

Path write_arch_model(const Path& path, const ArchModelSpec& spec) {
  const ArchRow& row = row_of(spec);
  const Draft draft = draft_model(spec, row);
  std::vector<gguf::TensorData> tensors;
  for (auto& info : choose_tensors(draft, row))
    tensors.push_back(make_tensor(std::move(info), spec));
  const auto status = gguf::write_gguf(path, draft.keys, tensors, Overwrite::kAllow);
  if (!status) throw std::runtime_error(status.error().message);
  return path;
}

}  // namespace coe::testing
