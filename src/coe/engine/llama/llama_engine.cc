#include "coe/engine/llama/llama_engine.h"

#include "coe/base/not_finite.h"
#include "coe/engine/llama/chat_template.h"
#include "coe/engine/llama/device_products.h"
#include "coe/engine/llama/graph_observer.h"
#include "coe/engine/llama/graph_plan.h"
#include "coe/engine/llama/loading.h"
#include "coe/engine/llama/sampler.h"
#include "coe/engine/matrix_products.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/arch_table.h"

#include <fmt/format.h>
#include <ggml.h>
#include <llama.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coe {

namespace {

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

class LlamaEngine : public Engine {
 public:
  static Result<std::unique_ptr<Engine>> open(const EngineOptions& options);

  const EngineInfo& info() const override { return info_; }
  Result<std::vector<std::int32_t>> tokenize(std::string_view text) override;
  Status decode(const DecodeRequest& request) override { return decode_from(0, request); }
  Status decode_all(std::span<const DecodeRequest> requests) override;
  Result<std::unique_ptr<Engine>> fork() override;
  Result<MatrixProducts*> products() override;
  Result<ChatMarkup> chat_markup() override;
  Result<std::string> render_chat(std::span<const ChatMessage> messages, bool thinking) override;
  Result<std::vector<TokenText>> spell(std::span<const std::int32_t> tokens) override;
  Result<Generation> generate(const GenerateRequest& request) override;

 private:
  // `n_used`: the file's number of experts used, with EngineOptions::n_candidate.
  static Result<std::unique_ptr<LlamaEngine>> make(std::shared_ptr<llama_model> model,
                                                   const EngineOptions& options,
                                                   std::uint32_t n_used);
  // Goes on behind the first tokens of the request, which are in the KV cache.
  Status decode_from(std::size_t n_cached, const DecodeRequest& request);
  // Shortens the KV cache to what `request` can use of it, and returns how many tokens that are.
  std::size_t reuse_cache(const GenerateRequest& request);
  Status probe();
  Status begin_candidates(const std::map<std::uint32_t, LayerPlan>& plans, const Census& census);
  Status check_watch(const DecodeRequest& request) const;
  std::size_t batch_tokens(bool all_logits) const {
    return all_logits ? n_batch_logits_ : n_batch_;
  }
  void plan_chunks(std::map<std::uint32_t, LayerPlan>& plans);
  bool has_substitutes(const ExpertFilter& filter, LayerId layer) const;
  Status check_chunks(const ExpertFilter& filter) const;
  Status decode_pack(std::span<const DecodeRequest> requests);
  Status observe_batch(std::span<const BatchRun> runs, bool all_logits);
  Status run_batch(std::span<const BatchRun> runs, bool all_logits);
  Result<const ChatTemplate*> chat_template();
  template <class T>
  Result<T> in_model(Result<T> result) const;
  Result<std::string> respell(const std::string& marker);

  EngineOptions options_;
  std::shared_ptr<llama_model> model_;
  GraphObserver graph_;  // outlives the context that calls it
  LlamaContextPtr context_;
  std::unique_ptr<Batch> batch_;
  EngineInfo info_;
  std::uint32_t n_used_ = 0;                  // experts that count for a token, with candidates
  std::unique_ptr<MatrixProducts> products_;  // once asked for
  int n_threads_ = 1;
  std::uint32_t n_batch_ = 0;
  std::uint32_t n_batch_logits_ = 0;  // smaller where the vocabulary is large
  // Most architectures drop tokens without logits before the last MoE layer; found out by probe().
  bool routing_needs_logits_ = false;
  bool has_logits_ = false;
  std::uint32_t experts_per_chunk_ = 0;        // grovemoe, else 0
  std::vector<LayerId> by_table_;              // layers that choose experts by a table of tokens
  std::vector<LayerId> fixed_layers_;          // in which the number of experts used cannot change
  std::vector<LayerId> nameless_layers_;       // whose experts' sum has no name in the graph
  std::vector<LayerId> streamless_layers_;     // in which the stream that enters the FFN has none
  std::optional<ChatTemplate> chat_template_;  // once asked for
  // In the KV cache since a generate() that keeps it; empty when anything else was decoded.
  std::vector<std::int32_t> cached_;
  const ExpertFilter* cached_filter_ = nullptr;
};

// Logits of one batch stay below this. A GPU has experts to read for each batch: on an H200, 128
// tokens of a 26B model with their logits took 64 ms, and 512 without them 73.
constexpr std::size_t kMaxLogitsBytes = std::size_t{128} << 20;
constexpr std::size_t kMaxLogitsBytesOnGpu = std::size_t{512} << 20;

// Reads what the file says of the experts that a token uses: the graph of a context that runs all
// of them does not show it.
Result<std::uint32_t> experts_used(const EngineOptions& options) {
  COE_TRY(const auto header, model_header(options));
  const auto* architecture = header.find_key("general.architecture");
  const auto key = fmt::format("{}.expert_used_count",
                               architecture ? architecture->as_string().value_or("") : "");
  const auto* value = header.find_key(key);
  const auto n = value == nullptr ? std::nullopt : value->as_uint();
  if (n) return static_cast<std::uint32_t>(*n);
  return fail(Code::kUnsupported,
              fmt::format("{}: `{}` is no single number, so that candidates cannot be told from "
                          "the chosen",
                          options.model_name(), key),
              "choose another score");
}

// CUDA graphs replay a batch's products of attention wrongly once the observer has cut the graph
// into the same pieces three times: on an H200 the third batch of 256 tokens of the 26B shape,
// without flash attention, was NaN from the first global layer on. llama.cpp issue 26558 has the
// same cause, a captured cuBLAS call. The backend reads this when it first computes.
void leave_cuda_graphs_out() {
  static const bool done = ::setenv("GGML_CUDA_DISABLE_GRAPHS", "1", 1) == 0;
  (void)done;
}

Result<std::unique_ptr<Engine>> LlamaEngine::open(const EngineOptions& options) {
  leave_cuda_graphs_out();
  std::uint32_t n_used = 0;
  if (options.n_candidate > 0) {
    COE_TRY(n_used, experts_used(options));
    if (options.n_candidate < n_used)
      return fail(Code::kInvalidArgument, fmt::format("{} candidates are fewer than the {} experts "
                                                      "that a token uses",
                                                      options.n_candidate, n_used));
  }
  COE_TRY(auto model, load_model(options, Loading::kWhole));
  return make(std::move(model), options, n_used);
}

Result<std::unique_ptr<Engine>> LlamaEngine::fork() {
  return make(model_, options_, info_.n_expert_used);
}

Result<MatrixProducts*> LlamaEngine::products() {
  const auto device = info_.on_gpu ? first_gpu() : nullptr;
  if (!products_ && device != nullptr) {
    COE_TRY(products_, open_device_products(ggml_backend_dev_buffer_type(device), info_.n_thread));
  }
  return products_.get();
}

// Deprecated upstream for warming up, which is not what it does here. The engine is pinned.
void run_all_experts(llama_context* context) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  llama_set_warmup(context, true);
#pragma GCC diagnostic pop
}

Result<std::unique_ptr<LlamaEngine>> LlamaEngine::make(std::shared_ptr<llama_model> shared,
                                                       const EngineOptions& options,
                                                       std::uint32_t n_used) {
  auto engine = std::make_unique<LlamaEngine>();
  engine->options_ = options;
  engine->n_used_ = n_used;
  engine->model_ = std::move(shared);
  const llama_model* model = engine->model_.get();
  const llama_vocab* vocab = llama_model_get_vocab(model);

  auto params = context_parameters(options, model);
  engine->n_batch_ = std::min(options.n_batch, params.n_ctx);
  engine->n_threads_ = params.n_threads;
  params.cb_eval = GraphObserver::on_node;
  params.cb_eval_user_data = &engine->graph_;
  COE_TRY(engine->context_, make_context(engine->model_.get(), params, options.model_name()));
  // What llama.cpp calls a warm-up: the router chooses all experts, and the first of them, as many
  // as the model uses, are summed up. From the first graph on, as graphs are reused.
  if (options.n_candidate > 0) run_all_experts(engine->context_.get());
  engine->batch_ = std::make_unique<Batch>(params.n_batch);

  auto& info = engine->info_;
  info.engine = engine_name(options);
  info.architecture = metadata(model, "general.architecture");
  info.n_vocab = static_cast<std::uint32_t>(llama_vocab_n_tokens(vocab));
  info.n_ctx = params.n_ctx;
  info.n_batch = engine->n_batch_;
  info.n_seq = params.n_seq_max;
  info.n_thread = static_cast<std::uint32_t>(params.n_threads);
  info.on_gpu = runs_on_gpu(options);
  if (llama_vocab_get_add_bos(vocab)) info.bos_token = llama_vocab_bos(vocab);
  const std::size_t most_bytes = info.on_gpu ? kMaxLogitsBytesOnGpu : kMaxLogitsBytes;
  engine->n_batch_logits_ = static_cast<std::uint32_t>(
      std::clamp<std::size_t>(most_bytes / (sizeof(float) * info.n_vocab), 1, engine->n_batch_));
  if (auto status = engine->probe(); !status)
    return tl::unexpected(std::move(status).error().context(options.model_name()));
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
    info_.moe_layers.push_back(LayerId{layer});
    info_.n_expert = static_cast<std::uint32_t>(seen.n_expert);
    info_.n_expert_used = std::max(info_.n_expert_used, static_cast<std::uint32_t>(seen.n_used));
    if (seen.n_token < static_cast<std::int64_t>(tokens.size())) routing_needs_logits_ = true;
    if (plan.by_table) by_table_.push_back(LayerId{layer});
    if (plan.by_table || plan.raw_weights.empty()) fixed_layers_.push_back(LayerId{layer});
    if (plan.merged.node.empty()) nameless_layers_.push_back(LayerId{layer});
    if (plan.stream.node.empty()) streamless_layers_.push_back(LayerId{layer});
  }
  has_logits_ = graph_.saw_logits();
  if (options_.n_candidate > 0) COE_TRY_STATUS(begin_candidates(plans, census));
  graph_.set_plans(std::move(plans));
  return {};
}

Status LlamaEngine::begin_candidates(const std::map<std::uint32_t, LayerPlan>& plans,
                                     const Census& census) {
  COE_TRY_STATUS(check_candidates(plans));
  for (const auto& [layer, plan] : plans)
    if (census.at(layer).n_used != static_cast<std::int64_t>(info_.n_expert))
      return fail(Code::kUnsupported,
                  fmt::format("layer {}: llama.cpp does not run all experts", layer),
                  "choose another score");
  info_.n_candidate = std::min(options_.n_candidate, info_.n_expert);
  info_.n_expert_used = n_used_;
  graph_.watch_candidates(n_used_, info_.n_candidate, n_threads_);
  return {};
}

Status LlamaEngine::check_watch(const DecodeRequest& request) const {
  if (request.layer_values && !nameless_layers_.empty())
    return fail(Code::kUnsupported,
                fmt::format("layer {}: llama.cpp's graph does not name what its experts give",
                            nameless_layers_.front().value));
  if (request.streams && !streamless_layers_.empty())
    return fail(
        Code::kUnsupported,
        fmt::format("layer {}: llama.cpp's graph does not name the stream that enters its FFN",
                    streamless_layers_.front().value));
  if (request.candidates != nullptr && info_.n_candidate == 0)
    return fail(Code::kInvalidArgument, "the engine was not opened for candidates");
  if (info_.n_candidate > 0 && (request.routing != nullptr || request.filter != nullptr))
    return fail(Code::kInvalidArgument,
                "an engine that was opened for candidates neither reports routing nor filters it");
  if (request.candidates == nullptr) return {};
  for (const auto& [layer, weights] : request.candidates->layers)
    if (std::ranges::find(info_.moe_layers, layer) == info_.moe_layers.end() ||
        (!weights.empty() &&
         weights.size() != static_cast<std::size_t>(llama_model_n_embd(model_.get()))))
      return fail(Code::kInvalidArgument,
                  fmt::format("candidates: layer {} has no router, or channel weights do not fit",
                              layer.value));
  return {};
}

void LlamaEngine::plan_chunks(std::map<std::uint32_t, LayerPlan>& plans) {
  const auto* arch = find_arch(info_.architecture);
  if (arch == nullptr || !arch->chunks) return;
  const auto text = metadata(model_.get(), info_.architecture + ".experts_per_group");
  std::from_chars(text.data(), text.data() + text.size(), experts_per_chunk_);
  for (auto& [layer, plan] : plans) plan.experts_per_chunk = experts_per_chunk_;
}

// Every expert has kept ones to stand in for it, enough for a token that uses none of the kept.
bool LlamaEngine::has_substitutes(const ExpertFilter& filter, LayerId layer) const {
  const auto found = filter.substitutes.find(layer);
  if (found == filter.substitutes.end() || found->second.size() != info_.n_expert) return false;
  return std::ranges::all_of(found->second, [&](const auto& ids) {
    return ids.size() >= info_.n_expert_used &&
           std::ranges::all_of(ids, [&](ExpertId id) { return id.value < info_.n_expert; });
  });
}

Status LlamaEngine::check_chunks(const ExpertFilter& filter) const {
  if (experts_per_chunk_ == 0) return {};
  for (const auto& [layer, kept] : filter.kept) {
    std::map<std::uint32_t, std::uint32_t> of_chunk;
    for (const ExpertId id : kept) ++of_chunk[id.value / experts_per_chunk_];
    for (const auto& [chunk, n] : of_chunk) {
      if (n != experts_per_chunk_)
        return fail(Code::kInvalidArgument,
                    fmt::format("filter: layer {} keeps {} of the {} experts of chunk {}",
                                layer.value, n, experts_per_chunk_, chunk));
    }
  }
  return {};
}

Result<std::vector<std::int32_t>> LlamaEngine::tokenize(std::string_view text) {
  return coe::tokenize(model_.get(), text);
}

Status LlamaEngine::run_batch(std::span<const BatchRun> runs, bool all_logits) {
  if (runs.front().first_token == 0) {
    llama_memory_clear(llama_get_memory(context_.get()), false);
    cached_.clear();
  }
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

Status LlamaEngine::decode_from(std::size_t n_cached, const DecodeRequest& request) {
  if (request.tokens.empty()) return fail(Code::kInvalidArgument, "nothing to decode");
  if (request.tokens.size() > info_.n_ctx)
    return fail(Code::kInvalidArgument,
                fmt::format("a sequence of {} tokens is longer than the context of {}",
                            request.tokens.size(), info_.n_ctx));
  if (request.logits != nullptr && !has_logits_)
    return fail(Code::kUnsupported,
                fmt::format("architecture {} gives embeddings, no logits", info_.architecture));
  COE_TRY_STATUS(check_watch(request));
  if (request.filter != nullptr) {
    COE_TRY_STATUS(check_filter(info_, *request.filter));
    COE_TRY_STATUS(check_chunks(*request.filter));
    if (request.filter->n_counted(info_.n_expert_used) < info_.n_expert_used &&
        !fixed_layers_.empty())
      return fail(
          Code::kUnsupported,
          fmt::format("filter: layer {} cannot use fewer experts: a table of tokens chooses "
                      "them, or llama.cpp's graph does not name their weights",
                      fixed_layers_.front().value));
    for (const auto layer : by_table_) {
      if (request.filter->kept.contains(layer) && !has_substitutes(*request.filter, layer))
        return fail(Code::kInvalidArgument,
                    fmt::format("filter: layer {} chooses experts by a table of tokens, and some "
                                "have no substitute",
                                layer.value));
    }
  }
  // With a filter too: the logits of smallthinker's last router are of all tokens in any case.
  const bool watches =
      request.routing != nullptr || request.filter != nullptr || request.candidates != nullptr;
  const bool all_logits = request.logits != nullptr || (watches && routing_needs_logits_);
  const std::size_t step = batch_tokens(all_logits);
  for (std::size_t first = n_cached; first < request.tokens.size(); first += step) {
    if (request.observer != nullptr && request.observer->cancelled())
      return fail(Code::kCancelled, "interrupted");
    const auto tokens =
        request.tokens.subspan(first, std::min(step, request.tokens.size() - first));
    const auto position = static_cast<std::uint32_t>(first);
    const std::array runs = {
        BatchRun{&request, position, static_cast<std::uint32_t>(tokens.size())}};
    COE_TRY_STATUS(observe_batch(runs, all_logits));
    if (request.logits == nullptr) continue;
    // The whole batch's, in its order.
    const float* logits = llama_get_logits(context_.get());
    if (logits == nullptr) return fail(Code::kEngine, "llama.cpp returned no logits");
    request.logits->on_logits({position,
                               static_cast<std::uint32_t>(tokens.size()),
                               {logits, tokens.size() * info_.n_vocab}});
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
    COE_CHECK((request.routing != nullptr) == (requests.front().routing != nullptr) &&
              (request.candidates != nullptr) == (requests.front().candidates != nullptr) &&
              (request.routing != nullptr || request.candidates != nullptr) &&
              request.logits == nullptr && request.filter == nullptr && !request.layer_values &&
              !request.streams && request.outputs == requests.front().outputs);
    COE_TRY_STATUS(check_watch(request));
    if (request.tokens.empty()) return fail(Code::kInvalidArgument, "nothing to decode");
    if (request.observer != nullptr && request.observer->cancelled())
      return fail(Code::kCancelled, "interrupted");
    runs.push_back({&request, 0, static_cast<std::uint32_t>(request.tokens.size())});
  }
  return observe_batch(runs, routing_needs_logits_);
}

Result<const ChatTemplate*> LlamaEngine::chat_template() {
  if (!chat_template_) {
    COE_TRY(auto loaded, in_model(ChatTemplate::load(model_.get())));
    chat_template_.emplace(std::move(loaded));
  }
  return &*chat_template_;
}

// The template's errors say what is wrong with it; which file holds it is known here.
template <class T>
Result<T> LlamaEngine::in_model(Result<T> result) const {
  if (result) return result;
  return tl::unexpected(std::move(result).error().context(options_.model_name()));
}

Result<std::string> LlamaEngine::render_chat(std::span<const ChatMessage> messages, bool thinking) {
  COE_TRY(const auto* chat, chat_template());
  return in_model(chat->render(messages, thinking));
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
  COE_TRY(auto markup, in_model(chat->markup()));
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

std::size_t LlamaEngine::reuse_cache(const GenerateRequest& request) {
  const auto kept = std::exchange(cached_, {});
  if (!request.keeps_cache || request.routing != nullptr || request.filter != cached_filter_)
    return 0;
  // The last token is decoded anew, for its logits.
  const auto end = std::ranges::mismatch(kept, request.prompt).in1;
  const auto n = std::min(static_cast<std::size_t>(end - kept.begin()), request.prompt.size() - 1);
  // Recurrent states, and windows that have moved on, cannot be shortened.
  const bool shortened =
      llama_memory_seq_rm(llama_get_memory(context_.get()), 0, static_cast<llama_pos>(n), -1);
  return shortened ? n : 0;
}

Result<Generation> LlamaEngine::generate(const GenerateRequest& request) {
  if (!has_logits_)
    return fail(Code::kUnsupported,
                fmt::format("architecture {} gives embeddings, no text", info_.architecture));
  std::vector<std::int32_t> tokens(request.prompt.begin(), request.prompt.end());
  auto decoded = decode_of(request, tokens);
  if (tokens.empty()) return fail(Code::kInvalidArgument, "nothing to go on from");
  COE_TRY_STATUS(decode_from(reuse_cache(request), decoded));

  const auto sampler = make_sampler(request.sampling, info_.n_vocab, request.prompt);
  const llama_vocab* vocab = llama_model_get_vocab(model_.get());
  Generation out;
  const std::size_t n_most =
      std::min<std::size_t>(info_.n_ctx, tokens.size() + request.max_new_tokens);
  while (tokens.size() < n_most) {
    if (request.observer != nullptr && request.observer->cancelled())
      return fail(Code::kCancelled, "interrupted");
    if (!are_logits({llama_get_logits_ith(context_.get(), -1), info_.n_vocab}))
      return no_number(
          fmt::format("the model gives logits that are no numbers, or all the same, after token {}",
                      tokens.size()));
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
  if (request.keeps_cache) {
    cached_ = std::move(tokens);
    // The last token that was written may not have been decoded.
    const llama_pos last = llama_memory_seq_pos_max(llama_get_memory(context_.get()), 0);
    cached_.resize(static_cast<std::size_t>(last) + 1);
    cached_filter_ = request.filter;
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<Engine>> open_llama_engine(const EngineOptions& options) {
  return LlamaEngine::open(options);
}

}  // namespace coe
