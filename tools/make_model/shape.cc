#include "make_model/shape.h"

#include "coe/model/gguf/tensor_type.h"

#include "make_model/values.h"
#include "make_model/vocabulary.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

namespace coe::tools {
namespace {

using gguf::Value;
using gguf::ValueType;

enum class Mix : std::uint32_t { kQ4KM = 15, kMxfp4Moe = 38 };  // general.file_type

// Every family has these. Sources: the models' published configurations.
struct Sizes {
  std::string_view name;
  std::string_view architecture;
  Mix mix = Mix::kQ4KM;
  Tokenizer tokenizer = Tokenizer::kGpt2;
  std::string_view pre;  // tokenizer.ggml.pre
  std::uint32_t n_vocab = 0;
  std::uint32_t n_ctx = 0;
  std::uint32_t n_layer = 0;
  std::uint32_t n_embd = 0;
  std::uint32_t n_ff = 0;         // dense
  std::uint32_t n_ff_expert = 0;  // of one expert
  std::uint32_t n_head = 0;
  std::uint32_t n_head_kv = 0;
  std::uint32_t n_embd_head = 0;
  std::uint32_t n_expert = 128;
  std::uint32_t n_expert_used = 0;
  float rope_base = 1e6F;
  float rms_epsilon = 1e-6F;
};

constexpr Sizes kGemma4{.name = "gemma4-26b-a4b",
                        .architecture = "gemma4",
                        .tokenizer = Tokenizer::kGemma4,
                        .pre = "",
                        .n_vocab = 262144,
                        .n_ctx = 262144,
                        .n_layer = 30,
                        .n_embd = 2816,
                        .n_ff = 2112,
                        .n_ff_expert = 704,
                        .n_head = 16,
                        .n_head_kv = 8,
                        .n_embd_head = 512,
                        .n_expert_used = 8};
constexpr Sizes kQwen3{.name = "qwen3-30b-a3b",
                       .architecture = "qwen3moe",
                       .pre = "qwen2",
                       .n_vocab = 151936,
                       .n_ctx = 40960,
                       .n_layer = 48,
                       .n_embd = 2048,
                       .n_ff = 6144,
                       .n_ff_expert = 768,
                       .n_head = 32,
                       .n_head_kv = 4,
                       .n_embd_head = 128,
                       .n_expert_used = 8};
constexpr Sizes kGlm45Air{.name = "glm-4.5-air",
                          .architecture = "glm4moe",
                          .pre = "glm4",
                          .n_vocab = 151552,
                          .n_ctx = 131072,
                          .n_layer = 46,
                          .n_embd = 4096,
                          .n_ff = 10944,
                          .n_ff_expert = 1408,
                          .n_head = 96,
                          .n_head_kv = 8,
                          .n_embd_head = 128,
                          .n_expert_used = 8,
                          .rms_epsilon = 1e-5F};
constexpr Sizes kGptOss{.name = "gpt-oss-120b",
                        .architecture = "gpt-oss",
                        .mix = Mix::kMxfp4Moe,
                        .pre = "gpt-4o",
                        .n_vocab = 201088,
                        .n_ctx = 131072,
                        .n_layer = 36,
                        .n_embd = 2880,
                        .n_ff = 2880,
                        .n_ff_expert = 2880,
                        .n_head = 64,
                        .n_head_kv = 8,
                        .n_embd_head = 64,
                        .n_expert_used = 4,
                        .rope_base = 150000.0F,
                        .rms_epsilon = 1e-5F};
constexpr std::array kShapes = {kGemma4, kQwen3, kGlm45Air, kGptOss};

constexpr std::uint32_t kMinVocabulary = 1000;
constexpr std::uint32_t kMaxLayers = 511;  // llama.cpp: LLAMA_MAX_LAYERS, less an MTP block

// Collects keys and tensors. Types come last, because llama-quantize looks at all tensors in order.
class Builder {
 public:
  explicit Builder(const Sizes& sizes) : sizes_(sizes) {}

  void key(std::string_view name, Value value) {
    model_.keys.push_back({std::string(name), std::move(value)});
  }
  // `<architecture>.<name>`
  void own_key(std::string_view name, Value value) {
    key(fmt::format("{}.{}", sizes_.architecture, name), std::move(value));
  }
  void keys(std::vector<gguf::KeyValue> items) {
    for (auto& item : items) model_.keys.push_back(std::move(item));
  }

  void weight(std::string name, std::initializer_list<std::uint64_t> ne) {
    const double rows = static_cast<double>(*ne.begin());
    add(std::move(name), ne, {0.0F, static_cast<float>(1.0 / std::sqrt(rows))});
  }
  void bias(std::string name, std::initializer_list<std::uint64_t> ne) {
    add(std::move(name), ne, {0.0F, 0.02F});
  }
  // Norms and scales.
  void near_one(std::string name, std::initializer_list<std::uint64_t> ne) {
    add(std::move(name), ne, {1.0F, 0.02F});
  }

  SyntheticModel finish(std::uint32_t n_block);

 private:
  void add(std::string name, std::initializer_list<std::uint64_t> ne, Fill values) {
    SyntheticTensor tensor;
    tensor.info.name = std::move(name);
    tensor.info.n_dims = static_cast<std::uint32_t>(ne.size());
    std::ranges::copy(ne, tensor.info.ne.begin());
    tensor.values = values;
    model_.tensors.push_back(std::move(tensor));
  }

  const Sizes& sizes_;
  SyntheticModel model_;
};

// -1 for tensors outside blocks.
int block_of(std::string_view name) {
  int block = -1;
  if (std::sscanf(std::string(name).c_str(), "blk.%d.", &block) != 1) return -1;
  return block;
}

// Layers that Q4_K_M gives more bits. Source: llama.cpp v0.5.0 src/llama-quant.cpp, use_more_bits.
bool has_more_bits(int layer, int n_layer) {
  return layer < n_layer / 8 || layer >= 7 * n_layer / 8 || (layer - n_layer / 8) % 3 == 2;
}

// llama-quantize's choice, tensor after tensor in file order. Not modelled: what it does for
// exactly eight experts. Source: llama.cpp v0.5.0 src/llama-quant.cpp, llama_tensor_get_type_impl.
class TypeChooser {
 public:
  TypeChooser(Mix mix, const std::vector<SyntheticTensor>& tensors, std::uint32_t n_block)
      : mix_(mix), n_block_(static_cast<int>(n_block)) {
    for (const auto& tensor : tensors) {
      if (tensor.info.name == "output.weight") tied_ = false;
      if (is_value(tensor.info.name)) ++n_value_;
    }
  }

  gguf::TensorType choose(const gguf::TensorInfo& tensor) {
    return gguf::type_from_name(fit(tensor, wanted(tensor))).value();
  }

 private:
  static bool is_value(std::string_view name) { return name.ends_with("attn_v.weight"); }

  static bool stays_f32(const gguf::TensorInfo& tensor) {
    const std::string_view name = tensor.name;
    return tensor.n_dims < 2 || !name.ends_with("weight") || name.ends_with("_norm.weight") ||
           name.ends_with("ffn_gate_inp.weight");
  }

  std::string_view wanted(const gguf::TensorInfo& tensor) {
    const std::string_view name = tensor.name;
    if (stays_f32(tensor)) return "F32";
    if (mix_ == Mix::kMxfp4Moe) return tensor.n_dims > 2 ? "MXFP4" : "Q8_0";
    if (name == "output.weight" || (tied_ && name == "token_embd.weight")) return "Q6_K";
    if (is_value(name)) return has_more_bits(i_value_++, n_value_) ? "Q6_K" : "Q4_K";
    if (name.find("ffn_down") != std::string_view::npos)
      return has_more_bits(block_of(name), n_block_) ? "Q6_K" : "Q4_K";
    return "Q4_K";
  }

  // Rows that do not fill blocks get a type with shorter ones.
  static std::string_view fit(const gguf::TensorInfo& tensor, std::string_view type) {
    const auto fits = [&](std::string_view name) {
      return tensor.ne[0] % gguf::traits(gguf::type_from_name(name).value()).block_size == 0;
    };
    if (fits(type)) return type;
    const std::string_view shorter = type == "Q6_K" ? "Q8_0" : "Q5_0";
    return fits(shorter) ? shorter : "F16";
  }

  Mix mix_;
  int n_block_;
  int n_value_ = 0;
  int i_value_ = 0;
  bool tied_ = true;
};

SyntheticModel Builder::finish(std::uint32_t n_block) {
  std::ranges::sort(model_.tensors, [](const auto& a, const auto& b) {
    return std::pair(block_of(a.info.name), a.info.name) <
           std::pair(block_of(b.info.name), b.info.name);
  });
  TypeChooser chooser(sizes_.mix, model_.tensors, n_block);
  for (auto& tensor : model_.tensors) tensor.info.type = chooser.choose(tensor.info);
  return std::move(model_);
}

// Counts after the options have had their say.
struct Counts {
  std::uint32_t n_layer = 0;
  std::uint32_t n_expert = 0;
};

void common_keys(Builder& to, const Sizes& sizes, Counts counts, std::uint32_t n_block) {
  to.key("general.architecture", Value::string(sizes.architecture));
  to.key("general.type", Value::string("model"));
  to.key("general.name", Value::string(fmt::format("Synthetic {}", sizes.name)));
  to.key("general.description", Value::string("Random weights in the shape of a real model"));
  to.own_key("vocab_size", Value::u32(sizes.n_vocab));
  to.own_key("context_length", Value::u32(sizes.n_ctx));
  to.own_key("embedding_length", Value::u32(sizes.n_embd));
  to.own_key("block_count", Value::u32(n_block));
  to.own_key("feed_forward_length", Value::u32(sizes.n_ff));
  to.own_key("attention.head_count", Value::u32(sizes.n_head));
  to.own_key("attention.key_length", Value::u32(sizes.n_embd_head));
  to.own_key("attention.value_length", Value::u32(sizes.n_embd_head));
  to.own_key("attention.layer_norm_rms_epsilon", f32(sizes.rms_epsilon));
  to.own_key("rope.freq_base", f32(sizes.rope_base));
  to.own_key("expert_count", Value::u32(counts.n_expert));
  to.own_key("expert_used_count", Value::u32(sizes.n_expert_used));
  to.own_key("expert_feed_forward_length", Value::u32(sizes.n_ff_expert));
}

void last_keys(Builder& to, const Sizes& sizes, bool vocabulary) {
  to.keys(vocabulary ? vocabulary_keys(sizes.tokenizer, sizes.pre, sizes.n_vocab)
                     : no_vocabulary_keys());
  to.key("general.quantization_version", Value::u32(2));
  to.key("general.file_type", Value::u32(static_cast<std::uint32_t>(sizes.mix)));
}

void outer_tensors(Builder& to, const Sizes& sizes, bool tied) {
  to.weight("token_embd.weight", {sizes.n_embd, sizes.n_vocab});
  to.near_one("output_norm.weight", {sizes.n_embd});
  if (!tied) to.weight("output.weight", {sizes.n_embd, sizes.n_vocab});
}

std::string in_block(std::uint32_t block, std::string_view suffix) {
  return fmt::format("blk.{}.{}", block, suffix);
}

// Query, key, value and output matrices.
void attention_tensors(Builder& to, const Sizes& sizes, std::uint32_t block) {
  const std::uint64_t n_query = std::uint64_t{sizes.n_head} * sizes.n_embd_head;
  const std::uint64_t n_key = std::uint64_t{sizes.n_head_kv} * sizes.n_embd_head;
  to.near_one(in_block(block, "attn_norm.weight"), {sizes.n_embd});
  to.weight(in_block(block, "attn_q.weight"), {sizes.n_embd, n_query});
  to.weight(in_block(block, "attn_k.weight"), {sizes.n_embd, n_key});
  to.weight(in_block(block, "attn_v.weight"), {sizes.n_embd, n_key});
  to.weight(in_block(block, "attn_output.weight"), {n_query, sizes.n_embd});
}

void attention_biases(Builder& to, const Sizes& sizes, std::uint32_t block) {
  const std::uint64_t n_key = std::uint64_t{sizes.n_head_kv} * sizes.n_embd_head;
  to.bias(in_block(block, "attn_q.bias"), {std::uint64_t{sizes.n_head} * sizes.n_embd_head});
  to.bias(in_block(block, "attn_k.bias"), {n_key});
  to.bias(in_block(block, "attn_v.bias"), {n_key});
}

// Router and the three expert matrices.
void expert_tensors(Builder& to, const Sizes& sizes, std::uint32_t block, std::uint64_t n_expert) {
  const std::uint64_t n_embd = sizes.n_embd;
  const std::uint64_t n_ff = sizes.n_ff_expert;
  to.weight(in_block(block, "ffn_gate_inp.weight"), {n_embd, n_expert});
  to.weight(in_block(block, "ffn_gate_exps.weight"), {n_embd, n_ff, n_expert});
  to.weight(in_block(block, "ffn_up_exps.weight"), {n_embd, n_ff, n_expert});
  to.weight(in_block(block, "ffn_down_exps.weight"), {n_ff, n_embd, n_expert});
}

// `suffix`: "" for a dense block, "_shexp" for shared experts.
void dense_tensors(Builder& to, const Sizes& sizes, std::uint32_t block, std::string_view suffix,
                   std::uint64_t n_ff) {
  const std::uint64_t n_embd = sizes.n_embd;
  const auto name = [&](std::string_view stem) {
    return in_block(block, fmt::format("{}{}.weight", stem, suffix));
  };
  to.weight(name("ffn_gate"), {n_embd, n_ff});
  to.weight(name("ffn_up"), {n_embd, n_ff});
  to.weight(name("ffn_down"), {n_ff, n_embd});
}

// Every sixth layer attends to all tokens, and the last one whatever its number.
bool gemma_slides(std::uint32_t layer, std::uint32_t n_layer) {
  return layer % 6 != 5 && layer + 1 != n_layer;
}

constexpr std::uint32_t kGemmaSlidingHead = 256;  // head width of sliding layers
constexpr std::uint32_t kGemmaFullKv = 2;         // key heads of the others, which have no values

void gemma_block(Builder& to, const Sizes& sizes, std::uint32_t block, std::uint64_t n_expert,
                 bool slides) {
  const std::uint64_t n_embd = sizes.n_embd;
  const std::uint64_t head = slides ? kGemmaSlidingHead : sizes.n_embd_head;
  const std::uint64_t n_key = head * (slides ? sizes.n_head_kv : kGemmaFullKv);
  to.weight(in_block(block, "attn_q.weight"), {n_embd, head * sizes.n_head});
  to.weight(in_block(block, "attn_k.weight"), {n_embd, n_key});
  if (slides) to.weight(in_block(block, "attn_v.weight"), {n_embd, n_key});
  to.weight(in_block(block, "attn_output.weight"), {head * sizes.n_head, n_embd});
  to.near_one(in_block(block, "attn_q_norm.weight"), {head});
  to.near_one(in_block(block, "attn_k_norm.weight"), {head});
  for (const auto* norm : {"attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm",
                           "pre_ffw_norm_2", "post_ffw_norm_1", "post_ffw_norm_2"})
    to.near_one(in_block(block, fmt::format("{}.weight", norm)), {n_embd});
  to.near_one(in_block(block, "layer_output_scale.weight"), {1});
  dense_tensors(to, sizes, block, "", sizes.n_ff);
  to.weight(in_block(block, "ffn_gate_inp.weight"), {n_embd, n_expert});
  to.near_one(in_block(block, "ffn_gate_inp.scale"), {n_embd});
  to.weight(in_block(block, "ffn_gate_up_exps.weight"),
            {n_embd, 2 * std::uint64_t{sizes.n_ff_expert}, n_expert});
  to.weight(in_block(block, "ffn_down_exps.weight"), {sizes.n_ff_expert, n_embd, n_expert});
  to.near_one(in_block(block, "ffn_down_exps.scale"), {n_expert});
}

SyntheticModel gemma4(const Sizes& sizes, Counts counts, bool vocabulary) {
  Builder to(sizes);
  std::vector<std::int32_t> n_head_kv;
  std::vector<std::uint8_t> pattern;
  for (std::uint32_t layer = 0; layer < counts.n_layer; ++layer) {
    const bool slides = gemma_slides(layer, counts.n_layer);
    n_head_kv.push_back(static_cast<std::int32_t>(slides ? sizes.n_head_kv : kGemmaFullKv));
    pattern.push_back(slides ? 1 : 0);
    gemma_block(to, sizes, layer, counts.n_expert, slides);
  }
  outer_tensors(to, sizes, true);
  to.near_one("rope_freqs.weight", {sizes.n_embd_head / 2});

  common_keys(to, sizes, counts, counts.n_layer);
  to.own_key("attention.head_count_kv", array_value<std::int32_t>(ValueType::kI32, n_head_kv));
  to.own_key("attention.key_length_swa", Value::u32(kGemmaSlidingHead));
  to.own_key("attention.value_length_swa", Value::u32(kGemmaSlidingHead));
  to.own_key("rope.freq_base_swa", f32(10000.0F));
  to.own_key("rope.dimension_count", Value::u32(sizes.n_embd_head));
  to.own_key("rope.dimension_count_swa", Value::u32(kGemmaSlidingHead));
  to.own_key("attention.sliding_window", Value::u32(1024));
  to.own_key("attention.sliding_window_pattern",
             array_value<std::uint8_t>(ValueType::kBool, pattern));
  to.own_key("attention.shared_kv_layers", Value::u32(0));
  to.own_key("embedding_length_per_layer_input", Value::u32(0));
  to.own_key("final_logit_softcapping", f32(30.0F));
  last_keys(to, sizes, vocabulary);
  return to.finish(counts.n_layer);
}

SyntheticModel qwen3(const Sizes& sizes, Counts counts, bool vocabulary) {
  Builder to(sizes);
  outer_tensors(to, sizes, false);
  for (std::uint32_t layer = 0; layer < counts.n_layer; ++layer) {
    attention_tensors(to, sizes, layer);
    to.near_one(in_block(layer, "attn_q_norm.weight"), {sizes.n_embd_head});
    to.near_one(in_block(layer, "attn_k_norm.weight"), {sizes.n_embd_head});
    to.near_one(in_block(layer, "ffn_norm.weight"), {sizes.n_embd});
    expert_tensors(to, sizes, layer, counts.n_expert);
  }
  common_keys(to, sizes, counts, counts.n_layer);
  to.own_key("attention.head_count_kv", Value::u32(sizes.n_head_kv));
  last_keys(to, sizes, vocabulary);
  return to.finish(counts.n_layer);
}

// The block after the last layer guesses the token after the next.
void glm_mtp_tensors(Builder& to, const Sizes& sizes, std::uint32_t block) {
  const std::uint64_t n_embd = sizes.n_embd;
  to.weight(in_block(block, "nextn.eh_proj.weight"), {2 * n_embd, n_embd});
  to.weight(in_block(block, "nextn.embed_tokens.weight"), {n_embd, sizes.n_vocab});
  to.weight(in_block(block, "nextn.shared_head_head.weight"), {n_embd, sizes.n_vocab});
  for (const auto* norm : {"enorm", "hnorm", "shared_head_norm"})
    to.near_one(in_block(block, fmt::format("nextn.{}.weight", norm)), {n_embd});
}

SyntheticModel glm45_air(const Sizes& sizes, Counts counts, bool vocabulary) {
  constexpr std::uint32_t kDense = 1;   // leading blocks without a router
  constexpr std::uint32_t kShared = 1;  // shared experts
  const std::uint32_t n_block = counts.n_layer + 1;
  Builder to(sizes);
  outer_tensors(to, sizes, false);
  for (std::uint32_t block = 0; block < n_block; ++block) {
    attention_tensors(to, sizes, block);
    attention_biases(to, sizes, block);
    to.near_one(in_block(block, "post_attention_norm.weight"), {sizes.n_embd});
    if (block < kDense) {
      dense_tensors(to, sizes, block, "", sizes.n_ff);
      continue;
    }
    expert_tensors(to, sizes, block, counts.n_expert);
    to.bias(in_block(block, "exp_probs_b.bias"), {counts.n_expert});
    dense_tensors(to, sizes, block, "_shexp", std::uint64_t{kShared} * sizes.n_ff_expert);
  }
  glm_mtp_tensors(to, sizes, counts.n_layer);

  common_keys(to, sizes, counts, n_block);
  to.own_key("attention.head_count_kv", Value::u32(sizes.n_head_kv));
  to.own_key("rope.dimension_count", Value::u32(sizes.n_embd_head / 2));
  to.own_key("expert_shared_count", Value::u32(kShared));
  to.own_key("leading_dense_block_count", Value::u32(kDense));
  to.own_key("expert_gating_func", Value::u32(2));
  to.own_key("expert_weights_scale", f32(1.0F));
  to.own_key("expert_weights_norm", Value::boolean(true));
  to.own_key("nextn_predict_layers", Value::u32(1));
  last_keys(to, sizes, vocabulary);
  return to.finish(n_block);
}

void gpt_oss_biases(Builder& to, const Sizes& sizes, std::uint32_t block, std::uint64_t n_expert) {
  attention_biases(to, sizes, block);
  to.bias(in_block(block, "attn_output.bias"), {sizes.n_embd});
  to.bias(in_block(block, "ffn_gate_inp.bias"), {n_expert});
  to.bias(in_block(block, "ffn_gate_exps.bias"), {sizes.n_ff_expert, n_expert});
  to.bias(in_block(block, "ffn_up_exps.bias"), {sizes.n_ff_expert, n_expert});
  to.bias(in_block(block, "ffn_down_exps.bias"), {sizes.n_embd, n_expert});
}

SyntheticModel gpt_oss(const Sizes& sizes, Counts counts, bool vocabulary) {
  Builder to(sizes);
  outer_tensors(to, sizes, false);
  for (std::uint32_t layer = 0; layer < counts.n_layer; ++layer) {
    attention_tensors(to, sizes, layer);
    to.bias(in_block(layer, "attn_sinks.weight"), {sizes.n_head});
    to.near_one(in_block(layer, "post_attention_norm.weight"), {sizes.n_embd});
    expert_tensors(to, sizes, layer, counts.n_expert);
    gpt_oss_biases(to, sizes, layer, counts.n_expert);
  }
  common_keys(to, sizes, counts, counts.n_layer);
  to.own_key("attention.head_count_kv", Value::u32(sizes.n_head_kv));
  to.own_key("attention.sliding_window", Value::u32(128));
  to.own_key("rope.scaling.type", Value::string("yarn"));
  to.own_key("rope.scaling.factor", f32(32.0F));
  to.own_key("rope.scaling.original_context_length", Value::u32(4096));
  last_keys(to, sizes, vocabulary);
  return to.finish(counts.n_layer);
}

tl::unexpected<Error> refuse(std::string message, std::string hint) {
  return fail(Code::kInvalidArgument, std::move(message), std::move(hint));
}

}  // namespace

std::vector<std::string> shape_names() {
  std::vector<std::string> names;
  names.reserve(kShapes.size());
  for (const auto& shape : kShapes) names.emplace_back(shape.name);
  return names;
}

Result<SyntheticModel> build_model(const ShapeOptions& options) {
  const auto* const shape = std::ranges::find(kShapes, options.shape, &Sizes::name);
  if (shape == kShapes.end())
    return refuse(fmt::format("{}: unknown shape", options.shape),
                  fmt::format("one of {}", fmt::join(shape_names(), ", ")));
  Sizes sizes = *shape;
  if (options.n_vocab != 0) sizes.n_vocab = options.n_vocab;
  const Counts counts{options.n_layer == 0 ? sizes.n_layer : options.n_layer,
                      options.n_expert == 0 ? sizes.n_expert : options.n_expert};
  if (sizes.n_vocab < kMinVocabulary)
    return refuse(fmt::format("too few tokens ({} vs at least {})", sizes.n_vocab, kMinVocabulary),
                  "the special and single-byte tokens need room");
  if (counts.n_layer > kMaxLayers)
    return refuse(fmt::format("too many layers ({} vs at most {})", counts.n_layer, kMaxLayers),
                  "give a smaller --layers");
  if (counts.n_layer < 2)
    return refuse("too few layers (1 vs at least 2)", "the first layer may be dense or sliding");
  if (counts.n_expert < sizes.n_expert_used || counts.n_expert > 1024)
    return refuse(fmt::format("impossible number of experts ({} vs {} to 1024)", counts.n_expert,
                              sizes.n_expert_used),
                  "each token uses that many of them");
  if (sizes.architecture == "gemma4") return gemma4(sizes, counts, options.vocabulary);
  if (sizes.architecture == "qwen3moe") return qwen3(sizes, counts, options.vocabulary);
  if (sizes.architecture == "glm4moe") return glm45_air(sizes, counts, options.vocabulary);
  return gpt_oss(sizes, counts, options.vocabulary);
}

}  // namespace coe::tools
