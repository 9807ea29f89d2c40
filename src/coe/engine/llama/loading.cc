#include "coe/engine/llama/loading.h"

#include "coe/base/printable.h"
#include "coe/base/process/crash_guard.h"
#include "coe/engine/llama/source_file.h"
#include "coe/model/gguf/gguf_source.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/text_part/text_part.h"

#include <fmt/format.h>
#include <ggml-backend.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace coe {

namespace {

// llama.cpp has one log for the process.
struct Log {
  std::mutex mutex;
  std::function<void(std::string_view)> sink;
  std::string last_error;
};

Log& log_state() {
  static Log log;
  return log;
}

void on_log(ggml_log_level level, const char* text, void* /*user*/) {
  auto& log = log_state();
  const std::scoped_lock lock(log.mutex);
  std::string_view line(text);
  while (!line.empty() && line.back() == '\n') line.remove_suffix(1);
  if (line.empty()) return;
  if (level == GGML_LOG_LEVEL_ERROR) log.last_error = line;
  if (log.sink) log.sink(line);
}

std::atomic<Observer*> loading_observer{nullptr};

// Of all files of a model; 0 where they cannot be read, which llama.cpp says.
std::uint64_t model_bytes(const EngineOptions& options) {
  if (options.source) return options.source->header().file_bytes;
  const auto file = gguf::GgufFile::open(options.model);
  return file ? file->header().file_bytes : 0;
}

// Tells the observer how far a model is loaded.
class LoadingProgress {
 public:
  // `options` outlive it.
  LoadingProgress(Observer* observer, const EngineOptions& options)
      : observer_(observer), options_(options) {}
  LoadingProgress(const LoadingProgress&) = delete;
  LoadingProgress& operator=(const LoadingProgress&) = delete;
  // All of it is loaded.
  void finish() const {
    if (is_shown_) observer_->progress(kStage, n_bytes_, n_bytes_, "bytes");
  }
  bool is_cancelled() const { return is_cancelled_; }
  void watch(llama_model_params& params) {
    if (observer_ == nullptr) return;
    params.progress_callback = on_progress;
    params.progress_callback_user_data = this;
  }

 private:
  static constexpr std::string_view kStage = "load";
  static constexpr std::chrono::milliseconds kUnseen{500};  // small models are there by then

  // llama.cpp gives up where this is false.
  static bool on_progress(float share, void* self) {
    return static_cast<LoadingProgress*>(self)->report(share);
  }
  bool report(float share) {
    is_cancelled_ = is_cancelled_ || observer_->cancelled();
    if (is_cancelled_) return false;
    if (share >= 1.0F || std::chrono::steady_clock::now() - start_ < kUnseen) return true;
    // The header of a small model is not read for a bar that nobody sees.
    if (!std::exchange(is_shown_, true)) n_bytes_ = model_bytes(options_);
    observer_->progress(kStage, static_cast<std::uint64_t>(share * static_cast<double>(n_bytes_)),
                        n_bytes_, "bytes");
    return true;
  }

  Observer* observer_;
  const EngineOptions& options_;
  std::uint64_t n_bytes_ = 0;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  bool is_shown_ = false;
  bool is_cancelled_ = false;
};

// A context can have more, but each costs sliding-window cache.
constexpr std::uint32_t kMaxSequences = 32;

Status add_rpc_servers(const std::vector<std::string>& servers) {
  if (servers.empty()) return {};
  const ggml_backend_reg_t rpc = ggml_backend_reg_by_name("RPC");
  if (rpc == nullptr)
    return fail(Code::kUnsupported, "this coe is built without llama.cpp's RPC backend",
                "configure with -DGGML_RPC=ON");
  using AddServer = ggml_backend_reg_t (*)(const char*);
  const auto add = reinterpret_cast<AddServer>(
      ggml_backend_reg_get_proc_address(rpc, "ggml_backend_rpc_add_server"));
  COE_CHECK(add != nullptr);
  constexpr const char* kHint =
      "start one there with ggml-rpc-server; both must be of the same llama.cpp";
  for (const auto& server : servers) {
    const CrashScope scope(fmt::format("--rpc {}: llama.cpp stopped", printable(server)), kHint);
    const ggml_backend_reg_t added = add(server.c_str());
    if (added == nullptr)
      return fail(Code::kEngine, fmt::format("no llama.cpp RPC server answers at {}", server),
                  kHint);
    ggml_backend_register(added);
  }
  return {};
}

// ggml only asserts these.
Status check_options(const EngineOptions& options) {
  if (options.n_ctx < kProbeTokens)
    return fail(Code::kInvalidArgument,
                fmt::format("a context of {} tokens (at least {})", options.n_ctx, kProbeTokens),
                "choose a larger -c");
  if (options.n_threads > GGML_MAX_N_THREADS)
    return fail(Code::kInvalidArgument,
                fmt::format("{} threads (at most {})", options.n_threads, int{GGML_MAX_N_THREADS}),
                "choose fewer with -t; more than the machine has cores only makes it slower");
  return {};
}

// `name` must be one of cache_types().
ggml_type cache_type(std::string_view name) {
  for (int type = 0; type < GGML_TYPE_COUNT; ++type)
    if (name == ggml_type_name(static_cast<ggml_type>(type))) return static_cast<ggml_type>(type);
  COE_CHECK(!"a cache type that ggml does not know");
  return GGML_TYPE_COUNT;
}

// What llama.cpp is to read in place of the model's file; null for the file itself.
Result<std::shared_ptr<const gguf::GgufSource>> source_of(const EngineOptions& options) {
  if (options.source) {
    if (!needs_text_part(options.source->header())) return options.source;
    return text_part(gguf::GgufFile::of(options.source));
  }
  auto file = gguf::GgufFile::open(options.model);
  if (!file || !needs_text_part(file->header())) return nullptr;  // llama.cpp says what is wrong
  return text_part(*std::move(file));
}

// Returns null where it cannot be loaded, which llama.cpp's log explains. Errors: those of
// source_of() and of the source itself.
Result<llama_model*> load(const EngineOptions& options, llama_model_params params) {
  COE_TRY(const auto source, source_of(options));
  if (!source) return llama_model_load_from_file(options.model.c_str(), params);
  params.load_mode = LLAMA_LOAD_MODE_NONE;  // there is nothing to be mapped
  COE_TRY(const auto file, SourceFile::open(*source));
  std::unique_ptr<llama_model, LlamaFree> model(
      llama_model_load_from_file_ptr(file->get(), params));
  COE_TRY_STATUS(file->status());
  COE_TRY_STATUS(source->check_unchanged());
  return model.release();
}

}  // namespace

void start_backend() {
  static const bool started = [] {
    llama_log_set(on_log, nullptr);
    ggml_set_abort_callback([](const char* message) { note_crash(message); });
    llama_backend_init();
    return true;
  }();
  (void)started;
}

void watch_loading(Observer* observer) { loading_observer = observer; }

std::string take_last_error() {
  auto& log = log_state();
  const std::scoped_lock lock(log.mutex);
  return std::exchange(log.last_error, {});
}

void set_llama_log(std::function<void(std::string_view)> sink) {
  auto& log = log_state();
  const std::scoped_lock lock(log.mutex);
  log.sink = std::move(sink);
}

Result<std::shared_ptr<llama_model>> load_model(const EngineOptions& options, Loading loading) {
  COE_TRY_STATUS(check_options(options));
  start_backend();
  COE_TRY_STATUS(add_rpc_servers(options.rpc_servers));
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = options.n_gpu_layers;
  params.use_extra_bufts = options.repack;
  if (!options.mmap) params.load_mode = LLAMA_LOAD_MODE_NONE;
  if (loading == Loading::kSizes) {
    params.no_alloc = true;
    params.load_mode = LLAMA_LOAD_MODE_NONE;  // llama.cpp maps nothing that it does not load
  }
  // As llama.cpp's own --n-cpu-moe has it. Patterns must outlive the loading.
  std::vector<std::string> patterns;
  patterns.reserve(options.n_cpu_moe);
  for (std::uint32_t i = 0; i < options.n_cpu_moe; ++i)
    patterns.push_back(fmt::format("blk\\.{}\\.ffn_(up|down|gate|gate_up)_(ch|)exps", i));
  std::vector<llama_model_tensor_buft_override> overrides;
  overrides.reserve(patterns.size() + 1);
  for (const auto& pattern : patterns)
    overrides.push_back({pattern.c_str(), ggml_backend_cpu_buffer_type()});
  overrides.push_back({nullptr, nullptr});
  if (!patterns.empty()) params.tensor_buft_overrides = overrides.data();
  take_last_error();
  // As long as there is the model, the engine may meet in it what it asserts not to.
  auto scope = std::make_shared<CrashScope>(
      fmt::format("{}: llama.cpp stopped", printable(options.model_name())),
      "the file may be damaged, or the engine may not know its form: `coe inspect` says what is in "
      "it, -v shows the engine's log");
  LoadingProgress progress(loading == Loading::kWhole ? loading_observer.load() : nullptr, options);
  progress.watch(params);
  COE_TRY(auto* loaded, load(options, params));
  std::shared_ptr<llama_model> model(loaded, [scope](llama_model* one) { LlamaFree()(one); });
  if (!model && progress.is_cancelled())
    return fail(Code::kCancelled, fmt::format("{}: loading was stopped", options.model_name()));
  if (!model)
    return fail(
        Code::kEngine,
        fmt::format("{}: llama.cpp cannot load it: {}", options.model_name(), take_last_error()),
        runs_on_gpu(options)
            ? "-v shows the engine's log; -ngl and --n-cpu-moe decide what the GPU must hold"
            : "run again with -v to see the engine's log");
  progress.finish();
  return model;
}

llama_context_params context_parameters(const EngineOptions& options, const llama_model* model) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx =
      std::min(options.n_ctx, static_cast<std::uint32_t>(llama_model_n_ctx_train(model)));
  const std::uint32_t n_batch = std::min(options.n_batch, params.n_ctx);
  params.n_batch = std::max(n_batch, kProbeTokens);
  params.n_ubatch = params.n_batch;
  // Recurrent state is kept for each sequence, and its batches are reordered.
  const bool one_sequence = llama_model_is_recurrent(model) || llama_model_is_hybrid(model);
  const std::uint32_t n_seq = options.n_seq != 0     ? options.n_seq
                              : runs_on_gpu(options) ? kMaxSequences
                                                     : 1;
  params.n_seq_max = one_sequence ? 1 : std::min(n_seq, n_batch);
  if (!options.all_logits) params.n_outputs_max = 1;
  params.kv_unified = true;  // batches are cut in the order of their tokens
  params.swa_full = options.swa_full;
  params.n_threads = options.n_threads > 0
                         ? options.n_threads
                         : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  params.n_threads_batch = params.n_threads;
  params.type_k = cache_type(options.cache_type_k);
  params.type_v = cache_type(options.cache_type_v);
  params.flash_attn_type =
      options.flash_attn ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
  params.no_perf = true;
  return params;
}

Result<LlamaContextPtr> make_context(llama_model* model, const llama_context_params& params,
                                     const std::string& name) {
  if (ggml_is_quantized(params.type_v) && params.flash_attn_type == LLAMA_FLASH_ATTN_TYPE_DISABLED)
    return fail(Code::kInvalidArgument,
                fmt::format("-ctv {}: values are cached quantised only with flash attention",
                            ggml_type_name(params.type_v)),
                "add --flash-attn");
  take_last_error();
  LlamaContextPtr context(llama_init_from_model(model, params));
  if (!context)
    return fail(Code::kEngine,
                fmt::format("{}: llama.cpp cannot make a context of {} tokens: {}", name,
                            params.n_ctx, take_last_error()),
                "a smaller -c needs less memory");
  return context;
}

Result<std::vector<std::int32_t>> tokenize(const llama_model* model, std::string_view text) {
  const llama_vocab* vocab = llama_model_get_vocab(model);
  std::vector<std::int32_t> tokens(text.size() + 8);
  const auto run = [&] {
    return llama_tokenize(vocab, text.data(), static_cast<std::int32_t>(text.size()), tokens.data(),
                          static_cast<std::int32_t>(tokens.size()), true, true);
  };
  int n = run();
  if (n < 0 && n > INT32_MIN) {
    tokens.resize(static_cast<std::size_t>(-n));
    n = run();
  }
  if (n < 0) return fail(Code::kEngine, "the engine cannot tokenize a text of this length");
  tokens.resize(static_cast<std::size_t>(n));
  const auto bos = llama_vocab_get_add_bos(vocab) ? llama_vocab_bos(vocab) : -1;
  if (tokens.size() >= 2 && bos >= 0 && tokens[0] == bos && tokens[1] == bos)
    tokens.erase(tokens.begin());
  return tokens;
}

bool takes_layers(ggml_backend_dev_t device) {
  const auto type = ggml_backend_dev_type(device);
  return type == GGML_BACKEND_DEVICE_TYPE_GPU || type == GGML_BACKEND_DEVICE_TYPE_IGPU;
}

bool runs_on_gpu(const EngineOptions& options) {
  if (options.n_gpu_layers == 0) return false;
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i)
    if (takes_layers(ggml_backend_dev_get(i))) return true;
  return false;
}

ggml_backend_dev_t first_gpu() {
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    const auto device = ggml_backend_dev_get(i);
    const std::string_view kind = ggml_backend_reg_name(ggml_backend_dev_backend_reg(device));
    if (takes_layers(device) && kind != "RPC") return device;
  }
  return nullptr;
}

std::string engine_name(const EngineOptions& options) {
  std::string devices = "CPU";
  if (options.n_gpu_layers != 0) {
    for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
      const auto device = ggml_backend_dev_get(i);
      if (takes_layers(device))
        devices += fmt::format(", {}", ggml_backend_dev_description(device));
    }
  }
  return fmt::format("llama.cpp {} ({})", COE_LLAMA_VERSION, devices);
}

}  // namespace coe
