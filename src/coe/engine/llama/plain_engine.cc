#include "coe/engine/llama/plain_engine.h"

#include "coe/engine/llama/loading.h"

#include <fmt/format.h>
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <llama-ext.h>
#include <llama.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace coe {

namespace {

// By device. Pinned host memory and repacked weights count for the host.
std::vector<DeviceMemory> memory_of(const llama_model* model, const llama_context* context) {
  std::vector<DeviceMemory> out;
  std::vector<ggml_backend_dev_t> devices;
  for (int i = 0; i < llama_model_n_devices(model); ++i) {
    devices.push_back(llama_model_get_device(model, i));
    out.push_back({.device = ggml_backend_dev_name(devices.back())});
  }
  out.push_back({.device = "CPU", .is_host = true});
  for (const auto& [type, bytes] : llama_get_memory_breakdown(context)) {
    const auto device = ggml_backend_buft_get_device(type);
    const auto at = std::ranges::find(devices, device) - devices.begin();
    auto& memory = ggml_backend_buft_is_host(type) ? out.back() : out[static_cast<std::size_t>(at)];
    memory.weights += bytes.model;
    memory.kv_cache += bytes.context;
    memory.compute += bytes.compute;
  }
  return out;
}

// Returns what the CPU's operations need beside their tensors, at most: of a whole batch that
// attends to a full context.
std::uint64_t work_space(llama_context* context, const llama_context_params& params) {
  auto* graph = llama_graph_reserve(context, params.n_ubatch, 1, 1);
  if (graph == nullptr) return 0;
  return ggml_graph_plan(graph, params.n_threads, nullptr).work_size;
}

class PlainLlama : public PlainEngine {
 public:
  PlainLlama(std::shared_ptr<llama_model> model, LlamaContextPtr context, std::string name)
      : model_(std::move(model)), context_(std::move(context)), name_(std::move(name)) {}

  const std::string& name() const override { return name_; }
  std::uint32_t n_vocab() const override {
    return static_cast<std::uint32_t>(llama_vocab_n_tokens(llama_model_get_vocab(model_.get())));
  }
  Result<std::vector<std::int32_t>> tokenize(std::string_view text) override {
    return coe::tokenize(model_.get(), text);
  }
  std::uint32_t n_ctx() const override { return llama_n_ctx(context_.get()); }
  std::vector<DeviceMemory> memory() const override {
    return memory_of(model_.get(), context_.get());
  }
  void clear() override {
    llama_memory_clear(llama_get_memory(context_.get()), false);
    n_token_ = 0;
  }

  Status append(std::span<const std::int32_t> tokens) override {
    if (n_token_ + tokens.size() > n_ctx())
      return fail(Code::kInvalidArgument, fmt::format("{} tokens are more than the context of {}",
                                                      n_token_ + tokens.size(), n_ctx()));
    const std::size_t step = llama_n_batch(context_.get());
    for (std::size_t first = 0; first < tokens.size(); first += step) {
      const auto part = tokens.subspan(first, std::min(step, tokens.size() - first));
      std::vector<llama_token> batch(part.begin(), part.end());
      take_last_error();
      const int result =
          llama_decode(context_.get(),
                       llama_batch_get_one(batch.data(), static_cast<std::int32_t>(batch.size())));
      if (result != 0)
        return fail(Code::kEngine, fmt::format("llama.cpp cannot decode (code {}): {}", result,
                                               take_last_error()));
      n_token_ += part.size();
    }
    llama_synchronize(context_.get());
    return {};
  }

 private:
  std::shared_ptr<llama_model> model_;
  LlamaContextPtr context_;
  std::string name_;
  std::size_t n_token_ = 0;
};

}  // namespace

Result<std::unique_ptr<PlainEngine>> open_plain_llama(const EngineOptions& options) {
  COE_TRY(auto model, load_model(options, Loading::kWhole));
  COE_TRY(auto context, make_context(model.get(), context_parameters(options, model.get()),
                                     options.model_name()));
  return std::make_unique<PlainLlama>(std::move(model), std::move(context), engine_name(options));
}

Result<std::vector<std::vector<DeviceMemory>>> predict_llama_memory(
    const EngineOptions& options, std::span<const std::uint32_t> contexts) {
  COE_TRY(const auto model, load_model(options, Loading::kSizes));
  std::vector<std::vector<DeviceMemory>> out;
  for (const auto n_ctx : contexts) {
    auto of_context = options;
    of_context.n_ctx = n_ctx;
    const auto params = context_parameters(of_context, model.get());
    COE_TRY(const auto context, make_context(model.get(), params, options.model_name()));
    out.push_back(memory_of(model.get(), context.get()));
    if (!runs_on_gpu(options)) out.back().back().other = work_space(context.get(), params);
  }
  return out;
}

std::vector<DeviceSpace> llama_device_space() {
  start_backend();
  std::vector<DeviceSpace> out;
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    const auto device = ggml_backend_dev_get(i);
    if (!takes_layers(device)) continue;
    std::size_t free = 0;
    std::size_t total = 0;
    ggml_backend_dev_memory(device, &free, &total);
    out.push_back(
        {ggml_backend_dev_name(device), ggml_backend_dev_description(device), total, free});
  }
  return out;
}

}  // namespace coe
