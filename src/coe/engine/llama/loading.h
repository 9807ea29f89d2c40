// llama.cpp's models and contexts as EngineOptions describe them, and its log.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/engine.h"

#include <ggml-backend.h>
#include <llama.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// A forward pass that finds out what the graph offers: one token with logits and one without.
inline constexpr std::uint32_t kProbeTokens = 2;

struct LlamaFree {
  void operator()(llama_model* model) const { llama_model_free(model); }
  void operator()(llama_context* context) const { llama_free(context); }
};
using LlamaContextPtr = std::unique_ptr<llama_context, LlamaFree>;

enum class Loading {
  kWhole,
  kSizes,  // no weights: contexts of it say what memory they would take, and cannot decode
};

// Starts llama.cpp where that has not been done. Errors: kEngine, with llama.cpp's last error line,
// also where an RPC server does not answer; kUnsupported without the RPC backend; those of
// options.source; kCancelled by who watches. A file with a tower is read without it (text_part.h).
Result<std::shared_ptr<llama_model>> load_model(const EngineOptions& options, Loading loading);

llama_context_params context_parameters(const EngineOptions& options, const llama_model* model);

// Errors: kEngine, naming `name` and the length asked for; kInvalidArgument for a quantised cache
// of values without flash attention.
Result<LlamaContextPtr> make_context(llama_model* model, const llama_context_params& params,
                                     const std::string& name);

// With BOS where the model wants it; a text that spells BOS out itself keeps one, not two.
// Errors: kEngine for a text that is too long.
Result<std::vector<std::int32_t>> tokenize(const llama_model* model, std::string_view text);

// Says whether layers can be put on the device: a GPU, here or behind an RPC server.
bool takes_layers(ggml_backend_dev_t device);
bool runs_on_gpu(const EngineOptions& options);
// Of this machine; null where it has none.
ggml_backend_dev_t first_gpu();
// "llama.cpp v0.5.0 (CPU, NVIDIA H100)".
std::string engine_name(const EngineOptions& options);

// load_model does this first.
void start_backend();

// Whom load_model() tells how far it is; see EngineLibrary::watch_loading.
void watch_loading(Observer* observer);

// llama.cpp's last log line that was an error, and forgets it.
std::string take_last_error();

}  // namespace coe
