#include "coe/model/moe/model.h"

#include "coe/base/printable.h"
#include "coe/base/result.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"
#include "coe/model/moe/arch_table.h"
#include "coe/model/moe/ids.h"
#include "coe/model/text_part/text_part.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::uint32_t kMaxExperts = 1024;  // llama.cpp: LLAMA_MAX_EXPERTS

// Reads `<arch>.<name>` keys and collects what is wrong with them.
class Keys {
 public:
  Keys(const gguf::GgufFile& file, std::string_view architecture)
      : header_(file.header()), path_(file.path().string()), prefix_(architecture) {}

  std::string full(std::string_view name) const { return fmt::format("{}.{}", prefix_, name); }

  // `fallback` when absent. Errors: kCorrupt for other types and values beyond 32 bits.
  Result<std::uint32_t> u32(std::string_view name, std::uint32_t fallback) const {
    const gguf::Value* value = header_.find_key(full(name));
    if (value == nullptr) return fallback;
    return narrow(name, value->as_uint(), *value);
  }

  // Scalar or one value a block, as llama.cpp reads expert_used_count.
  Result<std::vector<std::uint32_t>> u32s(std::string_view name) const {
    const gguf::Value* value = header_.find_key(full(name));
    std::vector<std::uint32_t> out;
    if (value == nullptr) return out;
    const auto items = value->as_uint_array();
    for (const auto item : items.value_or(std::vector<std::uint64_t>{})) {
      COE_TRY(const auto count, narrow(name, item, *value));
      out.push_back(count);
    }
    if (items) return out;
    COE_TRY(const auto single, narrow(name, value->as_uint(), *value));
    out.push_back(single);
    return out;
  }

  tl::unexpected<Error> wrong(std::string_view message) const {
    return fail(Code::kCorrupt, fmt::format("{}: {}", path_, message),
                "the file's metadata is damaged; convert or download it again");
  }

 private:
  Result<std::uint32_t> narrow(std::string_view name, std::optional<std::uint64_t> value,
                               const gguf::Value& raw) const {
    if (!value || *value > std::numeric_limits<std::uint32_t>::max())
      return wrong(fmt::format("key `{}` is no count ({} {} vs u32)", printable(full(name)),
                               type_name(raw.type()), raw.preview()));
    return static_cast<std::uint32_t>(*value);
  }

  const gguf::Header& header_;
  std::string path_;
  std::string prefix_;
};

tl::unexpected<Error> unsupported(const gguf::GgufFile& file, std::string_view message,
                                  std::string_view hint) {
  return fail(Code::kUnsupported, fmt::format("{}: {}", file.path().string(), message),
              std::string(hint));
}

Result<std::string> read_architecture(const gguf::GgufFile& file) {
  const gguf::Value* value = file.header().find_key("general.architecture");
  const auto architecture = value == nullptr ? std::nullopt : value->as_string();
  if (!architecture || architecture->empty())
    return fail(
        Code::kCorrupt,
        fmt::format("{}: key `general.architecture` is missing or no text", file.path().string()),
        "give a GGUF file that holds a model");
  return std::string(*architecture);
}

std::string read_name(const gguf::GgufFile& file) {
  const gguf::Value* value = file.header().find_key("general.name");
  const auto name = value == nullptr ? std::nullopt : value->as_string();
  return name && !name->empty() ? std::string(*name) : file.path().stem().string();
}

bool has_expert_tensors(const gguf::Header& header) {
  return std::ranges::any_of(header.tensors, [](const auto& tensor) {
    const auto name = split_block_name(tensor.name);
    if (!name) return false;
    const auto role = tensor_facts(name->suffix).role;
    return role == TensorRole::kPerExpert || role == TensorRole::kRefused;
  });
}

Status check_counts(const Keys& keys, const MoeModel& model) {
  if (model.n_expert > kMaxExperts)
    return keys.wrong(fmt::format("key `{}` is above what llama.cpp loads ({} vs at most {})",
                                  keys.full("expert_count"), model.n_expert, kMaxExperts));
  if (model.n_expert_used == 0 || model.n_expert_used > model.n_expert)
    return keys.wrong(fmt::format("key `{}` is impossible ({} vs 1 to {} experts)",
                                  keys.full("expert_used_count"), model.n_expert_used,
                                  model.n_expert));
  const auto n_group = model.n_expert_group;
  if (n_group > 1 &&
      (model.n_expert % n_group != 0 || model.n_group_used == 0 || model.n_group_used >= n_group))
    return keys.wrong(fmt::format("expert groups are impossible ({} of {} groups used, {} experts)",
                                  model.n_group_used, n_group, model.n_expert));
  return {};
}

Result<Gating> read_gating(const Keys& keys, const gguf::Header& header, MoeModel& model) {
  const ArchFacts* arch = find_arch(model.id.architecture);
  if (arch == nullptr) {
    model.warnings.push_back(
        fmt::format("architecture `{}` is unknown: expert tensors were found by name and shape",
                    printable(model.id.architecture)));
  } else if (arch->source == GatingSource::kFixed) {
    return arch->gating;
  }
  COE_TRY(const auto stored, keys.u32("expert_gating_func", 0));
  if (stored > static_cast<std::uint32_t>(Gating::kSqrtSoftplus))
    return keys.wrong(
        fmt::format("key `{}` is unknown ({} vs 1 to 4)", keys.full("expert_gating_func"), stored));
  if (stored != 0) return Gating{stored};
  if (arch == nullptr) return Gating::kSoftmax;
  if (arch->source == GatingSource::kKeyRequired)
    return keys.wrong(fmt::format("key `{}` is missing", keys.full("expert_gating_func")));
  // GLM 4.7 Lite calls itself deepseek2 and is told apart by its shape, as llama.cpp does.
  constexpr std::size_t kGlmVocabulary = 154880;
  const gguf::Value* tokens = header.find_key("tokenizer.ggml.tokens");
  if (model.id.architecture == "deepseek2" && (model.n_block == 47 || model.n_block == 48) &&
      tokens != nullptr && tokens->array_size() == kGlmVocabulary)
    return Gating::kSigmoid;
  return arch->gating;
}

// One of the `n_slab` slabs of a tensor, whose shape must be n_dims dimensions ending in n_slab.
Result<ExpertTensor> expert_tensor(const gguf::GgufFile& file, std::size_t index,
                                   std::size_t n_dims, std::uint32_t n_slab) {
  const auto& tensor = file.header().tensors[index];
  // Writers may drop trailing dimensions of 1; the unused entries of `ne` are 1 too.
  bool fits = tensor.ne[n_dims - 1] == n_slab;
  for (std::size_t d = n_dims; d < gguf::kMaxDims; ++d) fits = fits && tensor.ne[d] == 1;
  if (!fits)
    return fail(Code::kCorrupt,
                fmt::format("{}: tensor `{}` does not end in the expert dimension ({} vs {} "
                            "dimensions, the last {})",
                            file.path().string(), printable(tensor.name), shape_text(tensor),
                            n_dims, n_slab),
                "keys and tensors contradict each other; convert or download the model again");
  if (n_dims == 1 && gguf::traits(tensor.type).block_size != 1)
    return unsupported(file,
                       fmt::format("tensor `{}` packs several experts in one block of {}",
                                   printable(tensor.name), gguf::traits(tensor.type).name),
                       "quantise the model again without this tensor");
  return ExpertTensor{index, tensor.n_bytes / n_slab, n_dims - 1};
}

// collect_layers has found this of a block.
struct Draft {
  MoeLayer layer;
  bool router = false;
  std::set<std::string_view> stems;  // "ffn_up_exps", … of the weights
};

Status add_tensor(const gguf::GgufFile& file, std::size_t index, const BlockName& name,
                  const TensorFacts& facts, MoeModel& model, Draft& draft) {
  MoeLayer& layer = draft.layer;
  if (facts.role == TensorRole::kTokenTable) {
    layer.token_table = index;
    return {};
  }
  if (facts.role == TensorRole::kChunk) {
    COE_TRY(const auto chunk,
            expert_tensor(file, index, facts.n_dims, model.n_expert / model.n_chunk_expert));
    layer.chunks.push_back(chunk);
    layer.expert_bytes += chunk.slab_bytes / model.n_chunk_expert;
    return {};
  }
  COE_TRY(const auto expert, expert_tensor(file, index, facts.n_dims, model.n_expert));
  layer.experts.push_back(expert);
  layer.expert_bytes += expert.slab_bytes;
  if (facts.role == TensorRole::kRouter) {
    layer.router = index;
    draft.router = true;
  }
  if (name.suffix.ends_with("_exps.weight"))
    draft.stems.insert(name.suffix.substr(0, name.suffix.find('.')));
  if (name.suffix.starts_with("exp_probs_b")) model.selection_bias = true;
  return {};
}

// The first tensor that a layer of this architecture must have and this one lacks.
std::optional<std::string_view> missing_weight(const Draft& draft, const ArchFacts* arch) {
  const auto has = [&](std::string_view stem) { return draft.stems.contains(stem); };
  if (!draft.router) return kRouterSuffix;
  if (!has("ffn_down_exps")) return "ffn_down_exps.weight";
  if (arch == nullptr) return std::nullopt;
  if (arch->layout == ExpertLayout::kMerged && has("ffn_gate_up_exps")) return std::nullopt;
  if (!has("ffn_up_exps")) return "ffn_up_exps.weight";
  const bool gated =
      arch->layout == ExpertLayout::kSeparate || arch->layout == ExpertLayout::kMerged;
  if (gated && !has("ffn_gate_exps")) return "ffn_gate_exps.weight";
  return std::nullopt;
}

// Sorts the file's tensors into layers. Errors: see describe_moe.
Status collect_layers(const gguf::GgufFile& file, const Keys& keys, MoeModel& model) {
  std::map<LayerId, Draft> drafts;
  const auto& tensors = file.header().tensors;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto name = split_block_name(tensors[i].name);
    if (!name) continue;
    const TensorFacts facts = tensor_facts(name->suffix);
    const auto shown = printable(tensors[i].name);
    if (facts.role == TensorRole::kRefused)
      return unsupported(
          file, fmt::format("cannot be cut: {} (tensor `{}`)", facts.why_refused, shown), "");
    if (facts.role == TensorRole::kUnknown)
      return unsupported(file,
                         fmt::format("tensor `{}` is named like an expert tensor, but its "
                                     "meaning is unknown",
                                     shown),
                         "cutting the model without it could break it; report the architecture");
    if (name->suffix.find("_shexp") != std::string_view::npos) model.shared_expert = true;
    if (facts.role == TensorRole::kOther) continue;
    if (name->block.value >= model.n_block)
      return keys.wrong(fmt::format("tensor `{}` lies outside the {} blocks of key `{}`", shown,
                                    model.n_block, keys.full("block_count")));
    COE_TRY_STATUS(add_tensor(file, i, *name, facts, model, drafts[name->block]));
  }
  const ArchFacts* arch = find_arch(model.id.architecture);
  for (auto& [block, draft] : drafts) {
    if (const auto missing = missing_weight(draft, arch))
      return keys.wrong(fmt::format("block {} has expert tensors but no `blk.{}.{}`", block.value,
                                    block.value, *missing));
    draft.layer.id = block;
    auto& layers = model.is_mtp(draft.layer.id) ? model.mtp_layers : model.layers;
    layers.push_back(std::move(draft.layer));
  }
  if (model.layers.empty())
    return keys.wrong("only MTP blocks have experts, which ordinary decoding never uses");
  return {};
}

// Hash-routed layers hold n_used expert ids for each token.
Status check_token_tables(const gguf::GgufFile& file, const MoeModel& model) {
  for (const auto& layer : model.layers) {
    if (!layer.token_table) continue;
    const auto& tensor = file.header().tensors[*layer.token_table];
    const auto type = gguf::traits(tensor.type).name;
    if (type == "I32" && tensor.n_dims == 2 && tensor.ne[0] == model.n_expert_used) continue;
    return fail(Code::kCorrupt,
                fmt::format("{}: tensor `{}` is no table of {} expert ids a token ({} {})",
                            file.path().string(), printable(tensor.name), model.n_expert_used, type,
                            shape_text(tensor)),
                "keys and tensors contradict each other; convert or download the model again");
  }
  return {};
}

// A dense feed-forward beside the routed experts is a shared expert by another name (gemma4,
// arctic, grok).
bool has_dense_beside(const gguf::Header& header, const MoeModel& model) {
  return std::ranges::any_of(header.tensors, [&](const auto& tensor) {
    const auto name = split_block_name(tensor.name);
    return name && name->suffix == "ffn_down.weight" && model.find_layer(name->block);
  });
}

// Blocks at the end that predict further tokens, and experts that are cut in chunks.
Status read_special_counts(const Keys& keys, MoeModel& model) {
  COE_TRY(model.n_mtp, keys.u32("nextn_predict_layers", 0));
  if (model.n_mtp > 0 && model.n_mtp >= model.n_block)
    return keys.wrong(fmt::format("key `{}` is impossible ({} of {} blocks)",
                                  keys.full("nextn_predict_layers"), model.n_mtp, model.n_block));
  const auto* arch = find_arch(model.id.architecture);
  if (arch == nullptr || !arch->chunks) return {};  // elsewhere the key means nothing
  COE_TRY(model.n_chunk_expert, keys.u32("experts_per_group", 1));
  if (model.n_chunk_expert == 0 || model.n_expert % model.n_chunk_expert != 0)
    return keys.wrong(fmt::format("key `{}` is impossible ({}, {} experts)",
                                  keys.full("experts_per_group"), model.n_chunk_expert,
                                  model.n_expert));
  return {};
}

Status read_used_count(const Keys& keys, MoeModel& model) {
  COE_TRY(const auto used, keys.u32s("expert_used_count"));
  if (used.empty())
    return keys.wrong(fmt::format("key `{}` is missing", keys.full("expert_used_count")));
  std::vector<std::uint32_t> of_layers;
  for (const auto& layer : model.layers) {
    if (used.size() > 1 && layer.id.value >= used.size())
      return keys.wrong(fmt::format("key `{}` is too short ({} values vs {} blocks)",
                                    keys.full("expert_used_count"), used.size(), model.n_block));
    of_layers.push_back(used.size() == 1 ? used[0] : used[layer.id.value]);
  }
  model.n_expert_used = std::ranges::max(of_layers);
  if (std::ranges::min(of_layers) != model.n_expert_used)
    model.warnings.push_back(fmt::format("layers use different numbers of experts ({} to {})",
                                         std::ranges::min(of_layers), model.n_expert_used));
  return {};
}

}  // namespace

std::string_view gating_name(Gating gating) {
  switch (gating) {
    case Gating::kSoftmax:
      return "softmax";
    case Gating::kSigmoid:
      return "sigmoid";
    case Gating::kSoftmaxWeight:
      return "softmax over the selected";
    case Gating::kSqrtSoftplus:
      return "sqrt(softplus)";
  }
  return "unknown";
}

std::optional<std::size_t> MoeModel::find_layer(LayerId layer) const {
  const auto found = std::ranges::lower_bound(layers, layer, {}, &MoeLayer::id);
  if (found == layers.end() || found->id != layer) return std::nullopt;
  return static_cast<std::size_t>(found - layers.begin());
}

std::uint64_t MoeModel::expert_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto* all : {&layers, &mtp_layers})
    for (const auto& layer : *all) bytes += layer.expert_bytes;
  return bytes;
}

namespace {

struct KindOfFile {
  std::string_view what;
  std::string_view what_to_do;
};

// A file that stands beside a model and is none; nullopt for models.
std::optional<KindOfFile> kind_beside_models(const gguf::Header& header) {
  const auto text_of = [&](std::string_view key) {
    const auto* value = header.find_key(key);
    return value == nullptr ? std::nullopt : value->as_string();
  };
  const auto type = text_of("general.type");
  if (type == "adapter")
    return KindOfFile{"a LoRA adapter, not a model",
                      "merge it into its model with llama.cpp's llama-export-lora, and give that"};
  if (type == "mmproj" || text_of("general.architecture") == "clip")
    return KindOfFile{"a projector of images or sound (mmproj), not a model",
                      "give the model's own file; the projector stays as it is"};
  if (type == "imatrix")
    return KindOfFile{"an importance matrix, not a model", "give the model's own file"};
  return std::nullopt;
}

// A file of Ollama's own (text_part.h).
void warn_of_tower(const gguf::Header& header, MoeModel& model) {
  const auto is_tower = [](const gguf::TensorInfo& tensor) { return is_tower_tensor(tensor.name); };
  const auto n = std::ranges::count_if(header.tensors, is_tower);
  if (n == 0) return;
  model.warnings.push_back(
      fmt::format("{} tensors of a vision or audio tower (`{}`) stand among the model's: coe runs "
                  "its text part, and specialists keep the tower; Ollama loads such files, "
                  "llama.cpp's own programs do not",
                  n, printable(std::ranges::find_if(header.tensors, is_tower)->name)));
}

}  // namespace

Result<MoeModel> describe_moe(const gguf::GgufFile& file) {
  MoeModel model;
  if (const auto other = kind_beside_models(file.header()))
    return unsupported(file, other->what, other->what_to_do);
  COE_TRY(model.id.architecture, read_architecture(file));
  const Keys keys(file, model.id.architecture);
  COE_TRY(model.n_expert, keys.u32("expert_count", 0));
  if (!has_expert_tensors(file.header())) {
    if (model.n_expert > 1)
      return keys.wrong(fmt::format("key `{}` is {} but no tensor holds experts",
                                    keys.full("expert_count"), model.n_expert));
    return unsupported(file,
                       fmt::format("no expert tensors, architecture `{}` is dense here",
                                   printable(model.id.architecture)),
                       "coe works on Mixture-of-Experts models");
  }
  if (model.n_expert == 0)
    return keys.wrong(fmt::format("has expert tensors but no key `{}`", keys.full("expert_count")));
  if (const auto reason = why_unsafe(model.id.architecture, model.n_expert))
    return unsupported(file,
                       fmt::format("`{}` with {} experts cannot be cut safely: {}",
                                   model.id.architecture, model.n_expert, *reason),
                       "choose another parent");
  COE_TRY(model.n_block, keys.u32("block_count", 0));
  COE_TRY(model.n_embd, keys.u32("embedding_length", 0));
  COE_TRY(model.n_ctx_train, keys.u32("context_length", 0));
  COE_TRY(model.n_expert_group, keys.u32("expert_group_count", 0));
  COE_TRY(model.n_group_used, keys.u32("expert_group_used_count", 0));
  COE_TRY_STATUS(read_special_counts(keys, model));
  COE_TRY_STATUS(collect_layers(file, keys, model));
  warn_of_tower(file.header(), model);
  COE_TRY_STATUS(read_used_count(keys, model));
  COE_TRY_STATUS(check_counts(keys, model));
  COE_TRY_STATUS(check_token_tables(file, model));
  COE_TRY(model.gating, read_gating(keys, file.header(), model));
  model.shared_expert = model.shared_expert || has_dense_beside(file.header(), model);
  model.id.name = read_name(file);
  COE_TRY(model.id.digest, model_digest(file));
  return model;
}

}  // namespace coe
