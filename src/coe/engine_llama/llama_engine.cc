#include "coe/engine_llama/llama_engine.h"

#include "coe/engine_llama/chat_template.h"
#include "coe/engine_llama/graph_observer.h"
#include "coe/engine_llama/graph_plan.h"
#include "coe/engine_llama/sampler.h"

#include <fmt/format.h>
#include <ggml-backend.h>
#include <ggml.h>
#include <llama.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
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

void start_backend() {
  static const bool started = [] {
    llama_log_set(on_log, nullptr);
    llama_backend_init();
    return true;
  }();
  (void)started;
}

std::string take_last_error() {
  auto& log = log_state();
  const std::scoped_lock lock(log.mutex);
  return std::exchange(log.last_error, {});
}

struct ModelDeleter {
  void operator()(llama_model* model) const { llama_model_free(model); }
};
struct ContextDeleter {
  void operator()(llama_context* context) const { llama_free(context); }
};

// llama_batch_init's arrays are C; this frees them.
class Batch {
 public:
  explicit Batch(std::uint32_t capacity)
      : batch_(llama_batch_init(static_cast<std::int32_t>(capacity), 0, 1)) {}
  ~Batch() { llama_batch_free(batch_); }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  void clear() { batch_.n_tokens = 0; }
  // Tokens of sequence `seq` from position `first` on. Logits after all of them, or the last.
  void add(std::span<const std::int32_t> tokens, std::uint32_t first, std::uint32_t seq,
           bool all_logits) {
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const auto at = batch_.n_tokens++;
      batch_.token[at] = tokens[i];
      batch_.pos[at] = static_cast<llama_pos>(first + i);
      batch_.n_seq_id[at] = 1;
      batch_.seq_id[at][0] = static_cast<llama_seq_id>(seq);
      batch_.logits[at] = all_logits || i + 1 == tokens.size() ? 1 : 0;
    }
  }
  const llama_batch& get() const { return batch_; }

 private:
  llama_batch batch_;
};

std::string metadata(const llama_model* model, const std::string& key) {
  std::array<char, 256> buffer{};
  const int n = llama_model_meta_val_str(model, key.c_str(), buffer.data(), buffer.size());
  return n < 0 ? std::string() : std::string(buffer.data());
}

std::string engine_name(int n_gpu_layers) {
  std::string devices = "CPU";
  if (n_gpu_layers != 0) {
    for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
      const auto device = ggml_backend_dev_get(i);
      if (ggml_backend_dev_type(device) == GGML_BACKEND_DEVICE_TYPE_GPU)
        devices += fmt::format(", {}", ggml_backend_dev_description(device));
    }
  }
  return fmt::format("llama.cpp {} ({})", COE_LLAMA_VERSION, devices);
}

class LlamaEngine : public Engine {
 public:
  static Result<std::unique_ptr<Engine>> open(const EngineOptions& options);

  const EngineInfo& info() const override { return info_; }
  Result<std::vector<std::int32_t>> tokenize(std::string_view text) override;
  Status decode(const DecodeRequest& request) override;
  Status decode_all(std::span<const DecodeRequest> requests) override;
  Result<std::unique_ptr<Engine>> fork() override;
  Result<ChatMarkup> chat_markup() override;
  Result<std::string> render_chat(std::span<const ChatMessage> messages, bool thinking) override;
  Result<std::vector<TokenText>> spell(std::span<const std::int32_t> tokens) override;
  Result<Generation> generate(const GenerateRequest& request) override;

 private:
  static Result<std::unique_ptr<LlamaEngine>> make(std::shared_ptr<llama_model> model,
                                                   const EngineOptions& options);
  Status probe();
  std::size_t batch_tokens(bool all_logits) const {
    return all_logits ? n_batch_logits_ : n_batch_;
  }
  void plan_chunks(std::map<std::uint32_t, LayerPlan>& plans);
  bool has_substitutes(const ExpertFilter& filter, std::uint32_t layer) const;
  Status check_chunks(const ExpertFilter& filter) const;
  Status decode_pack(std::span<const DecodeRequest> requests);
  Status observe_batch(std::span<const BatchRun> runs, bool all_logits);
  Status run_batch(std::span<const BatchRun> runs, bool all_logits);
  Result<const ChatTemplate*> chat_template();
  Result<std::string> respell(const std::string& marker);

  EngineOptions options_;
  std::shared_ptr<llama_model> model_;
  GraphObserver graph_;  // outlives the context that calls it
  std::unique_ptr<llama_context, ContextDeleter> context_;
  std::unique_ptr<Batch> batch_;
  EngineInfo info_;
  std::uint32_t n_batch_ = 0;
  std::uint32_t n_batch_logits_ = 0;  // smaller where the vocabulary is large
  // Most architectures drop tokens without logits before the last MoE layer; found out by probe().
  bool routing_needs_logits_ = false;
  bool has_logits_ = false;
  std::uint32_t experts_per_chunk_ = 0;        // grovemoe, else 0
  std::vector<std::uint32_t> by_table_;        // layers that choose experts by a table of tokens
  std::optional<ChatTemplate> chat_template_;  // once asked for
};

// One with logits and one without: whether the last layer sees both tells what routing needs.
constexpr std::uint32_t kProbeTokens = 2;

// Logits of one batch stay below this.
constexpr std::size_t kMaxLogitsBytes = std::size_t{128} << 20;

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
  for (const auto& server : servers) {
    const ggml_backend_reg_t added = add(server.c_str());
    if (added == nullptr)
      return fail(Code::kEngine, fmt::format("no llama.cpp RPC server answers at {}", server),
                  "start one there with ggml-rpc-server; both must be of the same llama.cpp");
    ggml_backend_register(added);
  }
  return {};
}

Result<std::unique_ptr<Engine>> LlamaEngine::open(const EngineOptions& options) {
  start_backend();
  COE_TRY_STATUS(add_rpc_servers(options.rpc_servers));
  llama_model_params model_params = llama_model_default_params();
  model_params.n_gpu_layers = options.n_gpu_layers;
  model_params.use_extra_bufts = options.repack;
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
  if (!patterns.empty()) model_params.tensor_buft_overrides = overrides.data();
  take_last_error();
  std::shared_ptr<llama_model> model(
      llama_model_load_from_file(options.model.c_str(), model_params), ModelDeleter());
  if (!model)
    return fail(
        Code::kEngine,
        fmt::format("{}: llama.cpp cannot load it: {}", options.model.string(), take_last_error()),
        "run again with -v to see the engine's log");
  return make(std::move(model), options);
}

Result<std::unique_ptr<Engine>> LlamaEngine::fork() { return make(model_, options_); }

Result<std::unique_ptr<LlamaEngine>> LlamaEngine::make(std::shared_ptr<llama_model> shared,
                                                       const EngineOptions& options) {
  auto engine = std::make_unique<LlamaEngine>();
  engine->options_ = options;
  engine->model_ = std::move(shared);
  const llama_model* model = engine->model_.get();
  const llama_vocab* vocab = llama_model_get_vocab(model);

  llama_context_params params = llama_context_default_params();
  params.n_ctx =
      std::min(options.n_ctx, static_cast<std::uint32_t>(llama_model_n_ctx_train(model)));
  engine->n_batch_ = std::min(options.n_batch, params.n_ctx);
  const std::uint32_t n_room = std::max(engine->n_batch_, kProbeTokens);
  params.n_batch = n_room;
  params.n_ubatch = n_room;
  // Recurrent state is kept for each sequence, and its batches are reordered.
  const bool one_sequence = llama_model_is_recurrent(model) || llama_model_is_hybrid(model);
  const bool on_gpu = options.n_gpu_layers != 0 && llama_supports_gpu_offload();
  const std::uint32_t n_seq = options.n_seq != 0 ? options.n_seq : on_gpu ? kMaxSequences : 1;
  params.n_seq_max = one_sequence ? 1 : std::min(n_seq, engine->n_batch_);
  params.kv_unified = true;  // batches are cut in the order of their tokens
  const int n_threads = options.n_threads > 0
                            ? options.n_threads
                            : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  params.n_threads = n_threads;
  params.n_threads_batch = n_threads;
  params.flash_attn_type =
      options.flash_attn ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
  params.no_perf = true;
  params.cb_eval = GraphObserver::on_node;
  params.cb_eval_user_data = &engine->graph_;
  engine->context_.reset(llama_init_from_model(engine->model_.get(), params));
  if (!engine->context_)
    return fail(Code::kEngine,
                fmt::format("{}: llama.cpp cannot make a context of {} tokens: {}",
                            options.model.string(), params.n_ctx, take_last_error()),
                "a smaller -c needs less memory");
  engine->batch_ = std::make_unique<Batch>(n_room);

  auto& info = engine->info_;
  info.engine = engine_name(options.n_gpu_layers);
  info.architecture = metadata(model, "general.architecture");
  info.n_vocab = static_cast<std::uint32_t>(llama_vocab_n_tokens(vocab));
  info.n_ctx = params.n_ctx;
  info.n_batch = engine->n_batch_;
  info.n_seq = params.n_seq_max;
  info.on_gpu = on_gpu;
  if (llama_vocab_get_add_bos(vocab)) info.bos_token = llama_vocab_bos(vocab);
  engine->n_batch_logits_ = static_cast<std::uint32_t>(std::clamp<std::size_t>(
      kMaxLogitsBytes / (sizeof(float) * info.n_vocab), 1, engine->n_batch_));
  if (auto status = engine->probe(); !status)
    return tl::unexpected(std::move(status).error().context(options.model.string()));
  return engine;
}

Status LlamaEngine::probe() {
  const llama_vocab* vocab = llama_model_get_vocab(model_.get());
  const llama_token bos = std::max(llama_vocab_bos(vocab), 0);
  const std::array<std::int32_t, kProbeTokens> tokens = {bos, bos};
  graph_.begin_census();
  DecodeRequest request;
  request.tokens = tokens;
  const std::array runs = {BatchRun{&request, 0, kProbeTokens}};
  const auto status = run_batch(runs, false);
  const Census census = graph_.end_census();
  COE_TRY_STATUS(status);
  COE_TRY(auto plans, plan_layers(census, info_.architecture));
  plan_chunks(plans);
  for (const auto& [layer, plan] : plans) {
    const auto& seen = census.at(layer);
    info_.moe_layers.push_back(layer);
    info_.n_expert = static_cast<std::uint32_t>(seen.n_expert);
    info_.n_expert_used = std::max(info_.n_expert_used, static_cast<std::uint32_t>(seen.n_used));
    if (seen.n_token < static_cast<std::int64_t>(tokens.size())) routing_needs_logits_ = true;
    if (plan.by_table) by_table_.push_back(layer);
  }
  has_logits_ = graph_.saw_logits();
  graph_.set_plans(std::move(plans));
  return {};
}

void LlamaEngine::plan_chunks(std::map<std::uint32_t, LayerPlan>& plans) {
  if (info_.architecture != "grovemoe") return;
  const auto text = metadata(model_.get(), "grovemoe.experts_per_group");
  std::from_chars(text.data(), text.data() + text.size(), experts_per_chunk_);
  for (auto& [layer, plan] : plans) plan.experts_per_chunk = experts_per_chunk_;
}

// Every expert has kept ones to stand in for it, enough for a token that uses none of the kept.
bool LlamaEngine::has_substitutes(const ExpertFilter& filter, std::uint32_t layer) const {
  const auto found = filter.substitutes.find(layer);
  if (found == filter.substitutes.end() || found->second.size() != info_.n_expert) return false;
  return std::ranges::all_of(found->second, [&](const auto& ids) {
    return ids.size() >= info_.n_expert_used &&
           std::ranges::all_of(ids, [&](auto id) { return id < info_.n_expert; });
  });
}

Status LlamaEngine::check_chunks(const ExpertFilter& filter) const {
  if (experts_per_chunk_ == 0) return {};
  for (const auto& [layer, kept] : filter.kept) {
    std::map<std::uint32_t, std::uint32_t> of_chunk;
    for (const auto id : kept) ++of_chunk[id / experts_per_chunk_];
    for (const auto& [chunk, n] : of_chunk) {
      if (n != experts_per_chunk_)
        return fail(Code::kInvalidArgument,
                    fmt::format("filter: layer {} keeps {} of the {} experts of chunk {}", layer, n,
                                experts_per_chunk_, chunk));
    }
  }
  return {};
}

Result<std::vector<std::int32_t>> LlamaEngine::tokenize(std::string_view text) {
  const llama_vocab* vocab = llama_model_get_vocab(model_.get());
  std::vector<std::int32_t> tokens(text.size() + 8);
  const auto run = [&](bool add_special) {
    return llama_tokenize(vocab, text.data(), static_cast<std::int32_t>(text.size()), tokens.data(),
                          static_cast<std::int32_t>(tokens.size()), add_special, true);
  };
  int n = run(true);
  if (n < 0 && n > INT32_MIN) {
    tokens.resize(static_cast<std::size_t>(-n));
    n = run(true);
  }
  if (n < 0) return fail(Code::kEngine, "the engine cannot tokenize a text of this length");
  tokens.resize(static_cast<std::size_t>(n));
  // A text that spells BOS out itself keeps one, not two.
  const auto bos = info_.bos_token;
  if (tokens.size() >= 2 && bos >= 0 && tokens[0] == bos && tokens[1] == bos)
    tokens.erase(tokens.begin());
  return tokens;
}

Status LlamaEngine::run_batch(std::span<const BatchRun> runs, bool all_logits) {
  if (runs.front().first_token == 0) llama_memory_clear(llama_get_memory(context_.get()), false);
  batch_->clear();
  std::uint32_t sequence = 0;
  for (const BatchRun& run : runs)
    batch_->add(run.request->tokens.subspan(run.first_token, run.n_token), run.first_token,
                sequence++, all_logits);
  take_last_error();
  const int result = llama_decode(context_.get(), batch_->get());
  if (result != 0)
    return fail(Code::kEngine,
                fmt::format("llama.cpp cannot decode (code {}): {}", result, take_last_error()));
  return {};
}

// A batch with its observers.
Status LlamaEngine::observe_batch(std::span<const BatchRun> runs, bool all_logits) {
  graph_.begin_batch(runs);
  const auto ran = run_batch(runs, all_logits);
  auto watched = graph_.end_batch();
  COE_TRY_STATUS(ran);
  return watched;
}

Status LlamaEngine::decode(const DecodeRequest& request) {
  if (request.tokens.empty()) return fail(Code::kInvalidArgument, "nothing to decode");
  if (request.tokens.size() > info_.n_ctx)
    return fail(Code::kInvalidArgument,
                fmt::format("a sequence of {} tokens is longer than the context of {}",
                            request.tokens.size(), info_.n_ctx));
  if (request.logits != nullptr && !has_logits_)
    return fail(Code::kUnsupported,
                fmt::format("architecture {} gives embeddings, no logits", info_.architecture));
  if (request.filter != nullptr) {
    COE_TRY_STATUS(check_filter(info_, *request.filter));
    COE_TRY_STATUS(check_chunks(*request.filter));
    for (const auto layer : by_table_) {
      if (request.filter->kept.contains(layer) && !has_substitutes(*request.filter, layer))
        return fail(Code::kInvalidArgument,
                    fmt::format("filter: layer {} chooses experts by a table of tokens, and some "
                                "have no substitute",
                                layer));
    }
  }
  // With a filter too: the logits of smallthinker's last router are of all tokens in any case.
  const bool watches = request.routing != nullptr || request.filter != nullptr;
  const bool all_logits = request.logits != nullptr || (watches && routing_needs_logits_);
  const std::size_t step = batch_tokens(all_logits);
  for (std::size_t first = 0; first < request.tokens.size(); first += step) {
    if (request.observer != nullptr && request.observer->cancelled())
      return fail(Code::kCancelled, "interrupted");
    const auto tokens =
        request.tokens.subspan(first, std::min(step, request.tokens.size() - first));
    const auto position = static_cast<std::uint32_t>(first);
    const std::array runs = {
        BatchRun{&request, position, static_cast<std::uint32_t>(tokens.size())}};
    COE_TRY_STATUS(observe_batch(runs, all_logits));
    if (request.logits == nullptr) continue;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const float* logits = llama_get_logits_ith(context_.get(), static_cast<std::int32_t>(i));
      if (logits == nullptr) return fail(Code::kEngine, "llama.cpp returned no logits");
      request.logits->on_logits(position + static_cast<std::uint32_t>(i), {logits, info_.n_vocab});
    }
  }
  return {};
}

Status LlamaEngine::decode_all(std::span<const DecodeRequest> requests) {
  const std::size_t room = batch_tokens(routing_needs_logits_);
  for (std::size_t first = 0; first < requests.size();) {
    std::size_t n = 0;
    std::size_t n_token = 0;
    while (first + n < requests.size() && n < info_.n_seq &&
           requests[first + n].filter == nullptr &&
           n_token + requests[first + n].tokens.size() <= room)
      n_token += requests[first + n++].tokens.size();
    if (n < 2) {
      n = 1;
      COE_TRY_STATUS(decode(requests[first]));
    } else {
      COE_TRY_STATUS(decode_pack(requests.subspan(first, n)));
    }
    first += n;
  }
  return {};
}

Status LlamaEngine::decode_pack(std::span<const DecodeRequest> requests) {
  std::vector<BatchRun> runs;
  for (const auto& request : requests) {
    COE_CHECK(request.routing != nullptr && request.logits == nullptr &&
              request.filter == nullptr && request.outputs == requests.front().outputs);
    if (request.tokens.empty()) return fail(Code::kInvalidArgument, "nothing to decode");
    if (request.observer != nullptr && request.observer->cancelled())
      return fail(Code::kCancelled, "interrupted");
    runs.push_back({&request, 0, static_cast<std::uint32_t>(request.tokens.size())});
  }
  return observe_batch(runs, routing_needs_logits_);
}

Result<const ChatTemplate*> LlamaEngine::chat_template() {
  if (!chat_template_) {
    COE_TRY(auto loaded, ChatTemplate::load(model_.get()));
    chat_template_.emplace(std::move(loaded));
  }
  return &*chat_template_;
}

Result<std::string> LlamaEngine::render_chat(std::span<const ChatMessage> messages, bool thinking) {
  COE_TRY(const auto* chat, chat_template());
  return chat->render(messages, thinking);
}

// A marker as its tokens spell it: some tokenizers put a space before what follows a special token.
Result<std::string> LlamaEngine::respell(const std::string& marker) {
  COE_TRY(const auto tokens, tokenize(marker));
  COE_TRY(const auto texts, spell(tokens));
  std::string text;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0 || tokens[i] != info_.bos_token) text += texts[i].text;
  }
  if (!text.empty() && text.front() == ' ' && marker.front() != ' ') text.erase(0, 1);
  return text;
}

Result<ChatMarkup> LlamaEngine::chat_markup() {
  COE_TRY(const auto* chat, chat_template());
  COE_TRY(auto markup, chat->markup());
  for (auto* markers : {&markup.model_turns, &markup.other_turns, &markup.thinking_ends}) {
    for (auto& marker : *markers) {
      COE_TRY(marker, respell(marker));
    }
  }
  if (!markup.thinking_start.empty()) {
    COE_TRY(markup.thinking_start, respell(markup.thinking_start));
  }
  return markup;
}

Result<std::vector<TokenText>> LlamaEngine::spell(std::span<const std::int32_t> tokens) {
  const llama_vocab* vocab = llama_model_get_vocab(model_.get());
  std::vector<TokenText> texts;
  texts.reserve(tokens.size());
  std::string piece(64, '\0');
  for (const auto token : tokens) {
    const auto run = [&] {
      return llama_token_to_piece(vocab, token, piece.data(),
                                  static_cast<std::int32_t>(piece.size()), 0, true);
    };
    std::int32_t n = run();
    if (n < 0) {
      piece.resize(static_cast<std::size_t>(-n));
      n = run();
    }
    if (n < 0) return fail(Code::kEngine, fmt::format("llama.cpp cannot spell token {}", token));
    texts.push_back(
        {piece.substr(0, static_cast<std::size_t>(n)), llama_vocab_is_eog(vocab, token)});
  }
  return texts;
}

Result<Generation> LlamaEngine::generate(const GenerateRequest& request) {
  if (!has_logits_)
    return fail(Code::kUnsupported,
                fmt::format("architecture {} gives embeddings, no text", info_.architecture));
  std::vector<std::int32_t> tokens(request.prompt.begin(), request.prompt.end());
  auto decoded = decode_of(request, tokens);
  COE_TRY_STATUS(decode(decoded));

  const auto sampler = make_sampler(request.sampling);
  const llama_vocab* vocab = llama_model_get_vocab(model_.get());
  Generation out;
  const std::size_t n_most =
      std::min<std::size_t>(info_.n_ctx, tokens.size() + request.max_new_tokens);
  while (tokens.size() < n_most) {
    if (request.observer != nullptr && request.observer->cancelled())
      return fail(Code::kCancelled, "interrupted");
    const std::int32_t token = llama_sampler_sample(sampler.get(), context_.get(), -1);
    if (llama_vocab_is_eog(vocab, token)) {
      out.end_token = token;
      break;
    }
    tokens.push_back(token);
    if (request.written != nullptr && !request.written->on_token(token)) break;
    decoded.tokens = tokens;
    const std::array runs = {BatchRun{&decoded, static_cast<std::uint32_t>(tokens.size() - 1), 1}};
    COE_TRY_STATUS(observe_batch(runs, true));
  }
  out.tokens.assign(tokens.begin() + static_cast<std::ptrdiff_t>(request.prompt.size()),
                    tokens.end());
  return out;
}

}  // namespace

Result<std::unique_ptr<Engine>> open_llama_engine(const EngineOptions& options) {
  return LlamaEngine::open(options);
}

void set_llama_log(std::function<void(std::string_view)> sink) {
  auto& log = log_state();
  const std::scoped_lock lock(log.mutex);
  log.sink = std::move(sink);
}

}  // namespace coe
