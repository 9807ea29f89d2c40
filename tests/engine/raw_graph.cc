#include "engine/raw_graph.h"

#include <fmt/format.h>
#include <ggml-backend.h>
#include <ggml.h>
#include <gguf.h>
#include <llama.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>
#include <stdexcept>

namespace coe::testing {
namespace {

struct ModelDeleter {
  void operator()(llama_model* model) const { llama_model_free(model); }
};
struct ContextDeleter {
  void operator()(llama_context* context) const { llama_free(context); }
};
struct GgufDeleter {
  void operator()(gguf_context* context) const { gguf_free(context); }
};
struct GgmlDeleter {
  void operator()(ggml_context* context) const { ggml_free(context); }
};

// The block whose `weight` is the left operand of `node`.
std::optional<std::uint32_t> block_of_weight(const ggml_tensor* node, ggml_op op,
                                             std::string_view weight) {
  if (node->op != op || node->src[0] == nullptr) return std::nullopt;
  const std::string_view name = ggml_get_name(node->src[0]);
  if (!name.starts_with("blk.") || !name.ends_with(weight)) return std::nullopt;
  const auto middle = name.substr(4, name.size() - 4 - weight.size());
  std::uint32_t block = 0;
  const auto [rest, error] = std::from_chars(middle.data(), middle.data() + middle.size(), block);
  if (error != std::errc() || rest != middle.data() + middle.size()) return std::nullopt;
  return block;
}

// All elements in the order of dimensions, whatever the strides. Element size: 4 bytes.
template <class T>
std::vector<T> elements(const ggml_tensor* tensor) {
  static_assert(sizeof(T) == 4);
  std::vector<std::byte> bytes(ggml_nbytes(tensor));
  ggml_backend_tensor_get(tensor, bytes.data(), 0, bytes.size());
  std::vector<T> out;
  out.reserve(static_cast<std::size_t>(ggml_nelements(tensor)));
  for (std::int64_t k = 0; k < tensor->ne[2]; ++k) {
    for (std::int64_t j = 0; j < tensor->ne[1]; ++j) {
      for (std::int64_t i = 0; i < tensor->ne[0]; ++i) {
        T value;
        std::memcpy(&value,
                    bytes.data() + static_cast<std::size_t>(i) * tensor->nb[0] +
                        static_cast<std::size_t>(j) * tensor->nb[1] +
                        static_cast<std::size_t>(k) * tensor->nb[2],
                    sizeof(T));
        out.push_back(value);
      }
    }
  }
  return out;
}

}  // namespace

struct RawGraph::State {
  std::unique_ptr<llama_model, ModelDeleter> model;
  std::unique_ptr<llama_context, ContextDeleter> context;
  std::uint32_t n_batch = 0;
  std::string residual;
  RawBatch batch;

  bool wants(const ggml_tensor* node) const {
    return block_of_weight(node, GGML_OP_MUL_MAT, ".ffn_gate_inp.weight") ||
           block_of_weight(node, GGML_OP_MUL_MAT_ID, ".ffn_down_exps.weight") ||
           residual_block(node);
  }

  std::optional<std::uint32_t> residual_block(const ggml_tensor* node) const {
    const std::string_view name = ggml_get_name(node);
    if (residual.empty() || !name.starts_with(residual) || name.size() < residual.size() + 2 ||
        name[residual.size()] != '-')
      return std::nullopt;
    const auto number = name.substr(residual.size() + 1);
    std::uint32_t block = 0;
    const auto [rest, error] = std::from_chars(number.data(), number.data() + number.size(), block);
    if (error != std::errc() || rest != number.data() + number.size()) return std::nullopt;
    return block;
  }

  void take(const ggml_tensor* node) {
    if (const auto router = block_of_weight(node, GGML_OP_MUL_MAT, ".ffn_gate_inp.weight")) {
      auto& layer = batch[*router];
      layer.n_token = static_cast<std::size_t>(node->ne[1]);
      layer.logits = elements<float>(node);
    } else if (const auto down =
                   block_of_weight(node, GGML_OP_MUL_MAT_ID, ".ffn_down_exps.weight")) {
      auto& layer = batch[*down];
      layer.n_used = static_cast<std::size_t>(node->ne[1]);
      layer.n_out = static_cast<std::size_t>(node->ne[0]);
      layer.n_in = static_cast<std::size_t>(node->src[1]->ne[0]);
      layer.products = elements<float>(node);
      // The operands of a matrix product are still there when it has been computed (imatrix relies
      // on it too), unlike those of nodes that may run in place.
      layer.activations = elements<float>(node->src[1]);
      layer.multiplied = elements<std::int32_t>(node->src[2]);
    } else if (const auto stream = residual_block(node)) {
      if (node->op != GGML_OP_ADD)
        throw std::logic_error(residual + " is no sum, so no residual stream");
      batch[*stream].residual = elements<float>(node);
    }
  }

  static bool on_node(ggml_tensor* node, bool ask, void* self) {
    auto& state = *static_cast<State*>(self);
    if (ask) return state.wants(node);
    state.take(node);
    return true;
  }
};

RawGraph::RawGraph(const Path& model, const RawGraphOptions& options)
    : state_(std::make_unique<State>()) {
  llama_backend_init();
  auto model_params = llama_model_default_params();
  model_params.n_gpu_layers = 0;
  state_->model.reset(llama_model_load_from_file(model.c_str(), model_params));
  if (!state_->model) throw std::runtime_error("llama.cpp does not load " + model.string());
  auto params = llama_context_default_params();
  params.n_ctx = std::min(options.n_ctx,
                          static_cast<std::uint32_t>(llama_model_n_ctx_train(state_->model.get())));
  params.n_batch = std::min(options.n_batch, params.n_ctx);
  params.n_ubatch = params.n_batch;
  params.n_seq_max = 1;
  params.n_threads = 1;
  params.n_threads_batch = 1;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  params.cb_eval = State::on_node;
  params.cb_eval_user_data = state_.get();
  state_->n_batch = params.n_batch;
  state_->residual = options.residual;
  state_->context.reset(llama_init_from_model(state_->model.get(), params));
  if (!state_->context) throw std::runtime_error("llama.cpp makes no context of " + model.string());
}

RawGraph::~RawGraph() = default;

std::vector<std::int32_t> RawGraph::tokenize(std::string_view text) const {
  std::vector<std::int32_t> tokens(text.size() + 8);
  const int n = llama_tokenize(llama_model_get_vocab(state_->model.get()), text.data(),
                               static_cast<std::int32_t>(text.size()), tokens.data(),
                               static_cast<std::int32_t>(tokens.size()), true, true);
  if (n < 0) throw std::runtime_error("llama.cpp does not tokenize this");
  tokens.resize(static_cast<std::size_t>(n));
  return tokens;
}

std::vector<RawBatch> RawGraph::run(std::span<const std::int32_t> tokens) {
  llama_memory_clear(llama_get_memory(state_->context.get()), false);
  std::vector<RawBatch> batches;
  for (std::size_t first = 0; first < tokens.size(); first += state_->n_batch) {
    const auto part =
        tokens.subspan(first, std::min<std::size_t>(state_->n_batch, tokens.size() - first));
    std::vector<llama_token> ids(part.begin(), part.end());
    std::vector<llama_pos> positions(part.size());
    std::vector<std::int8_t> wanted(part.size(), 1);
    for (std::size_t i = 0; i < part.size(); ++i) positions[i] = static_cast<llama_pos>(first + i);
    llama_batch batch{};  // no sequence ids: all are of sequence 0
    batch.n_tokens = static_cast<std::int32_t>(part.size());
    batch.token = ids.data();
    batch.pos = positions.data();
    batch.logits = wanted.data();
    state_->batch.clear();
    if (llama_decode(state_->context.get(), batch) != 0)
      throw std::runtime_error("llama.cpp does not decode");
    std::erase_if(state_->batch, [](const auto& item) { return item.second.products.empty(); });
    batches.push_back(std::move(state_->batch));
  }
  return batches;
}

struct RawWeights::State {
  std::unique_ptr<gguf_context, GgufDeleter> file;
  std::unique_ptr<ggml_context, GgmlDeleter> tensors;
  const ggml_tensor* find(const std::string& name) const {
    return ggml_get_tensor(tensors.get(), name.c_str());
  }
};

RawWeights::RawWeights(const Path& model) : state_(std::make_unique<State>()) {
  ggml_context* tensors = nullptr;
  state_->file.reset(gguf_init_from_file(model.c_str(), {.no_alloc = false, .ctx = &tensors}));
  state_->tensors.reset(tensors);
  if (!state_->file) throw std::runtime_error("ggml does not read " + model.string());
}

RawWeights::~RawWeights() = default;

std::vector<float> RawWeights::floats(const std::string& name) const {
  const auto* tensor = state_->find(name);
  if (tensor == nullptr) return {};
  std::vector<float> values(static_cast<std::size_t>(ggml_nelements(tensor)));
  if (tensor->type == GGML_TYPE_F32)  // ggml has no conversion of floats to floats
    std::memcpy(values.data(), tensor->data, values.size() * sizeof(float));
  else
    ggml_get_type_traits(tensor->type)
        ->to_float(tensor->data, values.data(), static_cast<std::int64_t>(values.size()));
  return values;
}

std::vector<std::int32_t> RawWeights::ints(const std::string& name) const {
  const auto* tensor = state_->find(name);
  if (tensor == nullptr) return {};
  if (tensor->type != GGML_TYPE_I32) throw std::runtime_error(name + " is not I32");
  const auto* data = static_cast<const std::int32_t*>(tensor->data);
  return {data, data + ggml_nelements(tensor)};
}

bool RawWeights::is_f32(const std::string& name) const {
  const auto* tensor = state_->find(name);
  return tensor != nullptr && tensor->type == GGML_TYPE_F32;
}

}  // namespace coe::testing
