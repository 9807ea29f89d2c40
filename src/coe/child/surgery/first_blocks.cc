#include "coe/child/surgery/first_blocks.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/base/text.h"
#include "coe/child/surgery/plan.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"
#include "coe/model/moe/arch_table.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

namespace {

// Architectures whose blocks compute the same whatever stands behind them: the number of blocks
// enters their graph nowhere but as its end. Source: llama.cpp v0.5.0, src/models/*.cpp, read for
// `n_layer`. Not among them are deepseek2 and its kin, which take another path at 26, 27, 47 and 48
// blocks, smallthinker, whose rotation does, and models of two stacks.
constexpr std::array<std::string_view, 22> kArchitectures = {
    "bailingmoe",  "bailingmoe2", "dbrx",      "deepseek", "dots1",      "ernie4_5-moe",
    "gemma4",      "glm4moe",     "gpt-oss",   "granite",  "granitemoe", "grovemoe",
    "hunyuan-moe", "lfm2moe",     "llada-moe", "llama",    "mellum",     "minimax-m2",
    "olmoe",       "phimoe",      "qwen2moe",  "qwen3moe"};
static_assert(std::ranges::is_sorted(kArchitectures));

// Keys `<arch>.NAME` whose value holds for all blocks, or with which one can say of a block by its
// own number what it is.
constexpr std::array kForAllBlocks = {
    std::string_view("vocab_size"),
    std::string_view("context_length"),
    std::string_view("embedding_length"),
    std::string_view("leading_dense_block_count"),
    std::string_view("interleave_moe_layer_step"),
    std::string_view("full_attention_interval"),
    std::string_view("expert_shared_feed_forward_length"),
    std::string_view("expert_chunk_feed_forward_length"),
    std::string_view("use_parallel_residual"),
    std::string_view("tensor_data_layout"),
    std::string_view("expert_count"),
    std::string_view("expert_shared_count"),
    std::string_view("expert_group_count"),
    std::string_view("expert_group_used_count"),
    std::string_view("expert_weights_scale"),
    std::string_view("expert_weights_norm"),
    std::string_view("expert_gating_func"),
    std::string_view("expert_group_scale"),
    std::string_view("experts_per_group"),
    std::string_view("hidden_activation"),
    std::string_view("logit_scale"),
    std::string_view("residual_scale"),
    std::string_view("embedding_scale"),
    std::string_view("attn_logit_softcapping"),
    std::string_view("router_logit_softcapping"),
    std::string_view("final_logit_softcapping"),
    std::string_view("attention.max_alibi_bias"),
    std::string_view("attention.clamp_kqv"),
    std::string_view("attention.key_length"),
    std::string_view("attention.value_length"),
    std::string_view("attention.key_length_swa"),
    std::string_view("attention.value_length_swa"),
    std::string_view("attention.layer_norm_epsilon"),
    std::string_view("attention.layer_norm_rms_epsilon"),
    std::string_view("attention.causal"),
    std::string_view("attention.sliding_window"),
    std::string_view("attention.scale"),
    std::string_view("attention.output_scale"),
    std::string_view("attention.temperature_length"),
    std::string_view("attention.temperature_scale"),
    std::string_view("rope.dimension_count"),
    std::string_view("rope.dimension_count_swa"),
    std::string_view("rope.dimension_sections"),
    std::string_view("rope.freq_base"),
    std::string_view("rope.freq_base_swa"),
    std::string_view("rope.scale_linear"),
    std::string_view("rope.scaling.type"),
    std::string_view("rope.scaling.factor"),
    std::string_view("rope.scaling.alpha"),
    std::string_view("rope.scaling.attn_factor"),
    std::string_view("rope.scaling.original_context_length"),
    std::string_view("rope.scaling.finetuned"),
    std::string_view("rope.scaling.yarn_log_multiplier"),
    std::string_view("rope.scaling.yarn_ext_factor"),
    std::string_view("rope.scaling.yarn_attn_factor"),
    std::string_view("rope.scaling.yarn_beta_fast"),
    std::string_view("rope.scaling.yarn_beta_slow"),
    std::string_view("shortconv.l_cache"),
};

// Those that may be an array with one value a block.
constexpr std::array kEachBlock = {
    std::string_view("attention.head_count"),
    std::string_view("attention.head_count_kv"),
    std::string_view("attention.sliding_window_pattern"),
    std::string_view("expert_feed_forward_length"),
    std::string_view("expert_used_count"),
    std::string_view("feed_forward_length"),
    std::string_view("swiglu_clamp_exp"),
    std::string_view("swiglu_clamp_shexp"),
};

// Source: llama.cpp v0.5.0, src/llama-model.cpp, llama_model::create_memory.
constexpr std::uint32_t kLeastGemmaBlocks = 2;

constexpr std::string_view kSharedKv = "attention.shared_kv_layers";
constexpr std::string_view kPerBlockEmbedding = "embedding_length_per_layer_input";
constexpr std::string_view kWindowPattern = "attention.sliding_window_pattern";

// Cuts the keys of one parent.
class Keys {
 public:
  Keys(const gguf::GgufFile& parent, const MoeModel& model, std::uint32_t n_block)
      : parent_(parent), model_(model), n_block_(n_block), prefix_(model.id.architecture + ".") {}

  Result<std::vector<gguf::KeyValue>> cut() const {
    std::vector<gguf::KeyValue> out;
    for (const auto& item : parent_.header().keys) {
      const std::string_view key = item.key;
      if (key.starts_with("coe.")) continue;  // it tells of the whole model
      if (!key.starts_with(prefix_)) {
        out.push_back(item);
        continue;
      }
      COE_TRY(auto value, value_of(key.substr(prefix_.size()), item.value));
      out.push_back({item.key, std::move(value)});
    }
    out.push_back({"coe.version", gguf::Value::string(tool_version())});
    out.push_back({"coe.first_blocks", gguf::Value::u32(n_block_)});
    out.push_back({"coe.first_blocks.parent.name", gguf::Value::string(model_.id.name)});
    out.push_back({"coe.first_blocks.parent.digest", gguf::Value::string(model_.id.digest)});
    return out;
  }

 private:
  tl::unexpected<Error> refuse(std::string_view name, std::string_view why) const {
    return fail(
        Code::kUnsupported,
        fmt::format("{}: key `{}{}`: {}", parent_.path().string(), prefix_, printable(name), why),
        "choose by text alone: `--method text`");
  }

  Result<gguf::Value> value_of(std::string_view name, const gguf::Value& value) const {
    if (name == "block_count") return gguf::Value::u32(n_block_);
    if (name == "nextn_predict_layers") return gguf::Value::u32(0);
    if (name == kSharedKv) return shared_kv(value);
    if (name == kPerBlockEmbedding) {
      if (value.as_uint() == 0) return value;
      return refuse(name, "embeddings of each block lie in one tensor, which cannot be cut yet");
    }
    if (std::ranges::find(kForAllBlocks, name) != kForAllBlocks.end()) return value;
    if (std::ranges::find(kEachBlock, name) == kEachBlock.end())
      return refuse(name, "not known whether it speaks of single blocks");
    if (!value.is_array()) return value;
    if (value.array_size() < model_.n_block)
      return refuse(name, fmt::format("an array of {} values for {} blocks", value.array_size(),
                                      model_.n_block));
    return value.first_elements(n_block_);
  }

  // The last blocks take over keys and values of earlier ones.
  Result<gguf::Value> shared_kv(const gguf::Value& value) const {
    const auto n = value.as_uint();
    if (!n || *n + n_block_ > model_.n_block - model_.n_mtp)
      return refuse(kSharedKv, "the blocks to be cut out share keys and values with others");
    return gguf::Value::u32(0);
  }

  const gguf::GgufFile& parent_;
  const MoeModel& model_;
  std::uint32_t n_block_;
  std::string prefix_;
};

// Which kinds of attention the first blocks of a Gemma 4 have, as its pattern says.
struct Attention {
  bool windowed = false;
  bool full = false;
};

// Both where there is no pattern, which llama.cpp refuses by itself.
Attention attention_of(const gguf::Header& parent, const MoeModel& model, std::uint32_t n_block) {
  const auto* const pattern =
      parent.find_key(model.id.architecture + "." + std::string(kWindowPattern));
  if (pattern == nullptr || pattern->array_size() < n_block) return {true, true};
  // One number a block, or one byte of a bool.
  const auto numbers = pattern->as_uint_array();
  if (!numbers && pattern->array_type() != gguf::ValueType::kBool) return {true, true};
  const auto bytes = pattern->bytes();
  Attention out;
  for (std::uint32_t i = 0; i < n_block; ++i) {
    constexpr std::size_t kArrayHead = 12;  // element type and count
    const bool windowed = numbers ? (*numbers)[i] != 0 : bytes[kArrayHead + i] != std::byte{0};
    (windowed ? out.windowed : out.full) = true;
  }
  return out;
}

bool is_needed(const gguf::TensorInfo& tensor, std::uint32_t n_block, bool rotates_all) {
  if (const auto name = split_block_name(tensor.name)) return name->block.value < n_block;
  return rotates_all || tensor.name != "rope_freqs.weight";
}

}  // namespace

bool has_first_blocks(std::string_view architecture) {
  return std::ranges::binary_search(kArchitectures, architecture);
}

Result<std::uint32_t> blocks_of_layers(const MoeModel& model, std::size_t n_layer) {
  if (n_layer == 0 || n_layer > model.layers.size())
    return fail(Code::kInvalidArgument,
                fmt::format("{} layers asked for, where {} route", n_layer, model.layers.size()),
                fmt::format("choose 1 to {}", model.layers.size()));
  return model.layers[n_layer - 1].id.value + 1;
}

Result<SurgeryPlan> plan_first_blocks(const gguf::GgufFile& parent, const MoeModel& model,
                                      std::uint32_t n_block) {
  if (!has_first_blocks(model.id.architecture))
    return fail(
        Code::kUnsupported,
        fmt::format("{}: first blocks of architecture `{}` are not known to compute the same "
                    "alone",
                    parent.path().string(), printable(model.id.architecture)),
        "choose by text alone: `--method text`");
  if (n_block == 0 || n_block > model.n_block - model.n_mtp)
    return fail(Code::kInvalidArgument, fmt::format("{} first blocks asked for, where there are {}",
                                                    n_block, model.n_block - model.n_mtp));
  const auto& header = parent.header();
  const auto attention = model.id.architecture == "gemma4" ? attention_of(header, model, n_block)
                                                           : Attention{true, true};
  // llama.cpp ends the process where a Gemma 4 has no window, or a single block.
  if (!attention.windowed || (model.id.architecture == "gemma4" && n_block < kLeastGemmaBlocks))
    return fail(Code::kInvalidArgument,
                fmt::format("{}: the first {} of the blocks have no sliding window, or are fewer "
                            "than {}",
                            parent.path().string(), n_block, kLeastGemmaBlocks),
                "ask for more layers");
  SurgeryPlan plan;
  PartPlan part;
  part.header.alignment = header.alignment;
  COE_TRY(part.header.keys, Keys(parent, model, n_block).cut());
  for (std::size_t i = 0; i < header.tensors.size(); ++i) {
    const auto& tensor = header.tensors[i];
    // Only blocks of full attention ask for frequencies of rotation, and a tensor that nobody asks
    // for is refused.
    if (!is_needed(tensor, n_block, attention.full)) continue;
    part.header.tensors.push_back(tensor);
    part.header.tensors.back().part = 0;
    part.tensors.push_back(
        {i, {{parent.position(tensor), tensor.n_bytes, tensor.part}}, {}, false});
  }
  COE_TRY(part.header_bytes, gguf::encode_header(part.header));
  plan.n_tensor = part.tensors.size();
  plan.file_bytes = part.header.file_bytes;
  plan.parts.push_back(std::move(part));
  return plan;
}

}  // namespace coe
