#include "plain_prefill.h"

#include "coe/base/result.h"
#include "coe/engine/engine.h"

#include <llama.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

namespace coe::bench {
namespace {

constexpr std::uint32_t kMaxSequences = 32;

struct FreeModel {
  void operator()(llama_model* model) const { llama_model_free(model); }
};
struct FreeContext {
  void operator()(llama_context* context) const { llama_free(context); }
};

class Prefill : public PlainPrefill {
 public:
  Status open(const EngineOptions& options) {
    llama_model_params model_params = llama_model_default_params();
    model_params.n_gpu_layers = options.n_gpu_layers;
    model_.reset(llama_model_load_from_file(options.model.c_str(), model_params));
    if (!model_) return fail(Code::kEngine, options.model.string() + ": cannot be loaded");
    llama_context_params params = llama_context_default_params();
    params.n_ctx =
        std::min(options.n_ctx, static_cast<std::uint32_t>(llama_model_n_ctx_train(model_.get())));
    n_batch_ = std::min(options.n_batch, params.n_ctx);
    params.n_batch = params.n_ubatch = n_batch_;
    params.n_seq_max = std::min(kMaxSequences, n_batch_);
    params.kv_unified = true;
    params.n_threads = params.n_threads_batch =
        options.n_threads > 0 ? options.n_threads
                              : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    params.flash_attn_type =
        options.flash_attn ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
    params.no_perf = true;
    context_.reset(llama_init_from_model(model_.get(), params));
    if (!context_) return fail(Code::kEngine, options.model.string() + ": no context");
    return {};
  }

  Status run(std::span<const std::vector<std::int32_t>> sequences, bool packed) override {
    llama_batch batch = llama_batch_init(static_cast<std::int32_t>(n_batch_), 0, 1);
    Status status;
    for (std::size_t first = 0; first < sequences.size() && status;) {
      std::size_t n = 1;
      std::size_t n_token = sequences[first].size();
      while (packed && first + n < sequences.size() && n < kMaxSequences &&
             n_token + sequences[first + n].size() <= n_batch_)
        n_token += sequences[first + n++].size();
      status =
          n == 1 ? alone(batch, sequences[first]) : together(batch, sequences.subspan(first, n));
      first += n;
    }
    llama_batch_free(batch);
    llama_synchronize(context_.get());
    return status;
  }

 private:
  static void add(llama_batch& batch, std::int32_t token, std::size_t at, std::size_t seq,
                  bool logits) {
    const auto i = batch.n_tokens++;
    batch.token[i] = token;
    batch.pos[i] = static_cast<llama_pos>(at);
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = static_cast<llama_seq_id>(seq);
    batch.logits[i] = logits ? 1 : 0;
  }

  Status decode(const llama_batch& batch) {
    if (llama_decode(context_.get(), batch) == 0) return {};
    return fail(Code::kEngine, "llama_decode failed");
  }

  Status alone(llama_batch& batch, const std::vector<std::int32_t>& tokens) {
    llama_memory_clear(llama_get_memory(context_.get()), false);
    for (std::size_t first = 0; first < tokens.size(); first += n_batch_) {
      batch.n_tokens = 0;
      const std::size_t end = std::min(tokens.size(), first + n_batch_);
      for (std::size_t i = first; i < end; ++i) add(batch, tokens[i], i, 0, i + 1 == end);
      COE_TRY_STATUS(decode(batch));
    }
    return {};
  }

  Status together(llama_batch& batch, std::span<const std::vector<std::int32_t>> sequences) {
    llama_memory_clear(llama_get_memory(context_.get()), false);
    batch.n_tokens = 0;
    for (std::size_t s = 0; s < sequences.size(); ++s)
      for (std::size_t i = 0; i < sequences[s].size(); ++i)
        add(batch, sequences[s][i], i, s, i + 1 == sequences[s].size());
    return decode(batch);
  }

  std::unique_ptr<llama_model, FreeModel> model_;
  std::unique_ptr<llama_context, FreeContext> context_;
  std::uint32_t n_batch_ = 0;
};

}  // namespace

Result<std::unique_ptr<PlainPrefill>> open_plain_prefill(const EngineOptions& options) {
  auto prefill = std::make_unique<Prefill>();
  COE_TRY_STATUS(prefill->open(options));
  return prefill;
}

}  // namespace coe::bench
