#include "coe/moe/model.h"

#include "coe/base/hash.h"
#include "coe/base/result.h"
#include "coe/gguf/printable.h"
#include "coe/gguf/reader.h"
#include "coe/gguf/tensor_type.h"
#include "coe/gguf/value.h"
#include "coe/moe/arch_table.h"
#include "coe/moe/ids.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {
namespace {

constexpr std::uint32_t kMaxExperts = 1024;  // llama.cpp: LLAMA_MAX_EXPERTS
constexpr std::uint64_t kDigestEdge = 4096;
constexpr std::string_view kRouterSuffix = "ffn_gate_inp.weight";

struct BlockName {
  std::uint32_t block = 0;
  std::string_view suffix;
};

// "blk.12.ffn_up.weight" → {12, "ffn_up.weight"}
std::optional<BlockName> split_name(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  const char* const begin = name.data() + kPrefix.size();
  const char* const end = name.data() + name.size();
  BlockName result;
  const auto [stop, ec] = std::from_chars(begin, end, result.block);
  if (ec != std::errc{} || stop == end || *stop != '.') return std::nullopt;
  result.suffix = {stop + 1, static_cast<std::size_t>(end - stop - 1)};
  return result;
}

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
      return wrong(fmt::format("key `{}` is no count ({} {} vs u32)", gguf::printable(full(name)),
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

Status refuse_split(const gguf::GgufFile& file) {
  const gguf::Value* value = file.header().find_key("split.count");
  const auto count = value == nullptr ? std::nullopt : value->as_uint();
  if (!count || *count <= 1) return {};
  return unsupported(file, fmt::format("one of {} parts of a split model", *count),
                     "join the parts first: llama-gguf-split --merge FIRST-PART.gguf WHOLE.gguf");
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
    const auto name = split_name(tensor.name);
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
                    gguf::printable(model.id.architecture)));
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

// One expert of `tensor`, whose shape must be n_dims dimensions ending in the expert count.
Result<ExpertTensor> expert_tensor(const gguf::GgufFile& file, std::size_t index,
                                   std::size_t n_dims, std::uint32_t n_expert) {
  const auto& tensor = file.header().tensors[index];
  // Writers may drop trailing dimensions of 1; the unused entries of `ne` are 1 too.
  bool fits = tensor.ne[n_dims - 1] == n_expert;
  for (std::size_t d = n_dims; d < gguf::kMaxDims; ++d) fits = fits && tensor.ne[d] == 1;
  if (!fits)
    return fail(Code::kCorrupt,
                fmt::format("{}: tensor `{}` does not end in the expert dimension ({} vs {} "
                            "dimensions, the last {})",
                            file.path().string(), gguf::printable(tensor.name), shape_text(tensor),
                            n_dims, n_expert),
                "keys and tensors contradict each other; convert or download the model again");
  if (n_dims == 1 && gguf::traits(tensor.type).block_size != 1)
    return unsupported(file,
                       fmt::format("tensor `{}` packs several experts in one block of {}",
                                   gguf::printable(tensor.name), gguf::traits(tensor.type).name),
                       "quantise the model again without this tensor");
  return ExpertTensor{index, tensor.n_bytes / n_expert};
}

// Sorts the file's tensors into layers. Errors: see describe_moe.
Status collect_layers(const gguf::GgufFile& file, const Keys& keys, MoeModel& model) {
  struct Draft {
    std::optional<std::size_t> router;
    std::vector<ExpertTensor> experts;
    bool down = false;
  };
  std::map<std::uint32_t, Draft> drafts;
  const auto& tensors = file.header().tensors;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto name = split_name(tensors[i].name);
    if (!name) continue;
    const TensorFacts facts = tensor_facts(name->suffix);
    const auto shown = gguf::printable(tensors[i].name);
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
    if (name->block >= model.n_block)
      return keys.wrong(fmt::format("tensor `{}` lies outside the {} blocks of key `{}`", shown,
                                    model.n_block, keys.full("block_count")));
    COE_TRY(const auto expert, expert_tensor(file, i, facts.n_dims, model.n_expert));
    Draft& draft = drafts[name->block];
    draft.experts.push_back(expert);
    if (facts.role == TensorRole::kRouter) draft.router = i;
    if (name->suffix == "ffn_down_exps.weight") draft.down = true;
    if (name->suffix.starts_with("exp_probs_b")) model.selection_bias = true;
  }
  for (auto& [block, draft] : drafts) {
    if (!draft.router || !draft.down)
      return keys.wrong(fmt::format("block {} has expert tensors but no `blk.{}.{}`", block, block,
                                    draft.router ? "ffn_down_exps.weight" : kRouterSuffix));
    MoeLayer layer{LayerId{block}, *draft.router, std::move(draft.experts), 0};
    for (const auto& expert : layer.experts) layer.expert_bytes += expert.slab_bytes;
    model.layers.push_back(std::move(layer));
  }
  return {};
}

// A dense feed-forward beside the routed experts is a shared expert by another name (gemma4,
// arctic, grok).
bool has_dense_beside(const gguf::Header& header, const MoeModel& model) {
  return std::ranges::any_of(header.tensors, [&](const auto& tensor) {
    const auto name = split_name(tensor.name);
    return name && name->suffix == "ffn_down.weight" && model.find_layer(LayerId{name->block});
  });
}

Status warn_of_mtp(const Keys& keys, MoeModel& model) {
  COE_TRY(const auto n_mtp, keys.u32("nextn_predict_layers", 0));
  if (n_mtp == 0 || n_mtp >= model.n_block) return {};
  const std::uint32_t first = model.n_block - n_mtp;
  for (const auto& layer : model.layers)
    if (layer.id.value >= first)
      model.warnings.push_back(fmt::format(
          "block {} predicts further tokens (MTP): it has experts to cut, but runs no router in "
          "ordinary decoding",
          layer.id.value));
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

void add_value(Hasher& hasher, std::string_view text) {
  hasher.add(std::uint64_t{text.size()});
  hasher.add(text);
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

Result<MoeModel> describe_moe(const gguf::GgufFile& file) {
  COE_TRY_STATUS(refuse_split(file));
  MoeModel model;
  COE_TRY(model.id.architecture, read_architecture(file));
  const Keys keys(file, model.id.architecture);
  COE_TRY(model.n_expert, keys.u32("expert_count", 0));
  if (!has_expert_tensors(file.header())) {
    if (model.n_expert > 1)
      return keys.wrong(fmt::format("key `{}` is {} but no tensor holds experts",
                                    keys.full("expert_count"), model.n_expert));
    return unsupported(file,
                       fmt::format("no expert tensors, architecture `{}` is dense here",
                                   gguf::printable(model.id.architecture)),
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
  COE_TRY_STATUS(collect_layers(file, keys, model));
  COE_TRY_STATUS(read_used_count(keys, model));
  COE_TRY_STATUS(check_counts(keys, model));
  COE_TRY(model.gating, read_gating(keys, file.header(), model));
  COE_TRY_STATUS(warn_of_mtp(keys, model));
  model.shared_expert = model.shared_expert || has_dense_beside(file.header(), model);
  model.id.name = read_name(file);
  model.id.digest = model_digest(file);
  return model;
}

std::string model_digest(const gguf::GgufFile& file) {
  std::vector<const gguf::TensorInfo*> sorted;
  for (const auto& tensor : file.header().tensors) sorted.push_back(&tensor);
  std::ranges::sort(sorted, {},
                    [](const auto* tensor) -> std::string_view { return tensor->name; });
  Hasher hasher;
  for (const auto* tensor : sorted) {
    add_value(hasher, tensor->name);
    hasher.add(static_cast<std::uint64_t>(tensor->type));
    for (const auto n : tensor->ne) hasher.add(n);
    const auto bytes = file.data(*tensor);
    const auto name = split_name(tensor->name);
    if (name && name->suffix == kRouterSuffix) {
      hasher.add(bytes);
    } else {
      const auto edge = std::min<std::uint64_t>(bytes.size(), kDigestEdge);
      hasher.add(bytes.first(edge));
      hasher.add(bytes.last(edge));
    }
  }
  return hasher.digest();
}

Status check_same_model(const ModelId& expected, const ModelId& found, std::string_view what) {
  const auto refuse = [&](std::string_view property, std::string_view a, std::string_view b) {
    return fail(Code::kMismatch,
                fmt::format("{}: made for another model ({} `{}` vs `{}`)", what, property,
                            gguf::printable(a), gguf::printable(b)),
                "use files made from the same parent, or make this one again");
  };
  // Fields are empty where a file does not say.
  if (!found.architecture.empty() && !expected.architecture.empty() &&
      found.architecture != expected.architecture)
    return refuse("architecture", found.architecture, expected.architecture);
  if (found.digest.empty() || expected.digest.empty() || found.digest == expected.digest) return {};
  if (!found.name.empty() && found.name != expected.name)
    return refuse("name", found.name, expected.name);
  return refuse("digest", found.digest, expected.digest);
}

}  // namespace coe
