#include "support/arch_models.h"

#include "coe/base/file.h"
#include "coe/base/rng.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/gguf/tensor_type.h"
#include "coe/model/gguf/value.h"
#include "coe/model/gguf/writer.h"

#include "support/arch_keys.h"

#include <fmt/format.h>
#include <ggml.h>
#include <gguf.h>
#include <llama.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe::testing {
namespace {

// --- what llama.cpp asks for --------------------------------------------------------------------

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

// --- which of it the file has -------------------------------------------------------------------

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
bool is_wanted(const gguf::TensorInfo& info, const ArchModelSpec& spec, const ArchDraft& draft) {
  const std::string_view name = info.name;
  if (is_scale(name)) return is_wanted_scale(name, spec);
  if (contains(name, "exp_probs_b") && !spec.selection_bias) return false;
  if (!draft.dense_by_absence) return true;
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
    for (const std::string_view kind : {"scale", "input_scale"}) {
      gguf::TensorInfo scale;
      scale.name = fmt::format("{}{}", stem, kind);
      scale.n_dims = 1;
      scale.ne[0] = spec.n_expert;
      out.push_back(std::move(scale));
    }
  }
}

// Adds what MTP has beyond an ordinary block.
void add_mtp(const ArchDraft& draft, const ArchModelSpec& spec,
             std::vector<gguf::TensorInfo>& infos) {
  constexpr std::uint64_t kWidth = kArchEmbedding;
  for (std::uint32_t block = draft.n_layer; block < draft.n_block; ++block) {
    const auto add = [&](std::string_view name, std::initializer_list<std::uint64_t> ne) {
      gguf::TensorInfo info;
      info.name = fmt::format("blk.{}.{}.weight", block, name);
      info.n_dims = static_cast<std::uint32_t>(ne.size());
      std::ranges::copy(ne, info.ne.begin());
      infos.push_back(std::move(info));
    };
    add("nextn.eh_proj", {2 * kWidth, kWidth});
    add("nextn.enorm", {kWidth});
    add("nextn.hnorm", {kWidth});
    if (spec.architecture == "bailingmoe2") add("layer_output_norm", {kWidth});
  }
}

std::vector<gguf::TensorInfo> choose_tensors(const ArchDraft& draft, const ArchModelSpec& spec) {
  std::vector<gguf::TensorInfo> chosen;
  bool merged = false;
  for (auto& info : wanted_tensors(draft.asked_keys)) {
    if (!is_wanted(info, spec, draft)) continue;
    const bool both = contains(info.name, "ffn_gate_up_exps.");
    merged = merged || both;
    if (both && !spec.merged_gate_up)
      split_gate_up(info, spec, chosen);
    else
      chosen.push_back(std::move(info));
  }
  if (spec.merged_gate_up && !merged)
    throw std::runtime_error(spec.architecture + ": does not merge gate and up");
  if (draft.mtp_by_hand) add_mtp(draft, spec, chosen);
  return chosen;
}

// --- values -------------------------------------------------------------------------------------

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
  if (contains(name, "exp_probs_b")) return {0.0, 0.6};  // decisive beside probabilities
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
  std::iota(ids.begin(), ids.end(), 0);
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

Path write_arch_model(const Path& path, const ArchModelSpec& spec) {
  const ArchDraft draft = draft_arch(spec);
  auto infos = choose_tensors(draft, spec);
  std::vector<gguf::TensorData> tensors;
  tensors.reserve(infos.size());
  for (auto& info : infos) tensors.push_back(make_tensor(std::move(info), spec));
  const auto status = gguf::write_gguf(path, draft.keys, tensors, Overwrite::kAllow);
  if (!status) throw std::runtime_error(status.error().message);
  return path;
}

}  // namespace coe::testing
