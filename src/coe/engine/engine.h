// The one seam between coe and inference. Everything that runs a model goes through Engine; the
// only real implementation is engine_llama/ (llama.cpp), the other is FakeEngine for tests. No
// engine types, no void*.
#pragma once

#include "coe/base/file.h"
#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/chat.h"
#include "coe/engine/matrix_products.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/kept_experts.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe::gguf {
class GgufSource;
struct Header;
}  // namespace coe::gguf

namespace coe {

struct EngineInfo {
  std::string engine;  // name and version, e.g. "llama.cpp v0.5.0 (CPU)"
  std::string architecture;
  std::uint32_t n_vocab = 0;
  std::uint32_t n_ctx = 0;      // longest sequence one decode may have
  std::uint32_t n_batch = 0;    // tokens per forward pass
  std::uint32_t n_seq = 1;      // sequences that may share one
  std::uint32_t n_thread = 1;   // that compute on the CPU
  bool on_gpu = false;          // layers run on a device beside the CPU
  std::int32_t bos_token = -1;  // what tokenize() begins with; -1: nothing
  std::uint32_t n_expert = 0;
  std::uint32_t n_expert_used = 0;
  std::uint32_t n_candidate = 0;    // EngineOptions::n_candidate, as it was opened
  std::vector<LayerId> moe_layers;  // blocks with a router, as the graph has them
};

// What one MoE layer did for a run of consecutive tokens. Shapes: ids, weights [n_token][n_used],
// rank 0 first (router weight order as the engine selected them).
struct LayerRouting {
  LayerId layer;
  std::uint32_t first_token = 0;  // position in the decoded sequence
  std::uint32_t n_token = 0;
  std::uint32_t n_used = 0;
  std::vector<std::int32_t> ids;
  std::vector<float> weights;
  // With DecodeRequest::outputs, else empty: L2 norm of each chosen expert's output before gating
  // [n_token][n_used], and per token the norm of the layer's summed MoE output and of the residual
  // stream that enters its FFN.
  std::vector<float> output_norms;
  std::vector<float> moe_norms;
  std::vector<float> residual_norms;  // empty where the graph does not name it
  // With DecodeRequest::layer_values, else empty: the value by which the router ranks each expert
  // [n_token][n_expert], empty where a table of tokens chooses, -inf for what a filter removed; and
  // the vector that the layer's experts gave together [n_token][n_embd].
  std::vector<float> scores;
  std::vector<float> moe_outputs;
  // With DecodeRequest::streams, else empty: the residual stream that enters the layer's FFN, and
  // what the block gives on to the next one [n_token][n_embd]. The latter is empty, too, of layers
  // whose output the engine's graph does not name.
  std::vector<float> ffn_inputs;
  std::vector<float> block_outputs;

  // Returns the same of tokens [first, first + n) alone.
  LayerRouting of_tokens(std::uint32_t first, std::uint32_t n) const;
  // Returns the same of the best-ranked `n` of the chosen experts alone.
  LayerRouting of_ranks(std::uint32_t n) const;
};

class RoutingObserver {
 public:
  virtual ~RoutingObserver() = default;
  virtual void on_routing(const LayerRouting& routing) = 0;
};

// Raw logits after a run of consecutive tokens. Views are valid only during the call.
struct LogitsView {
  std::uint32_t first_token = 0;  // position in the decoded sequence
  std::uint32_t n_token = 0;
  std::span<const float> logits;  // [n_token][n_vocab]

  // Those after the run's token `i`. Shape: [n_vocab].
  std::span<const float> of(std::uint32_t i) const {
    const std::size_t n_vocab = logits.size() / n_token;
    return logits.subspan(i * n_vocab, n_vocab);
  }
};

class LogitsObserver {
 public:
  virtual ~LogitsObserver() = default;
  // Called in order of positions, once for each batch.
  virtual void on_logits(const LogitsView& view) = 0;
};

// A token's raw router weights become those by which the chosen experts' outputs are summed in one
// of these ways.
enum class Renormalisation {
  kNone,          // not at all: they do not depend on which experts there are
  kOverKept,      // a softmax over all experts that the model has
  kOverSelected,  // divided by the sum over the chosen
};

// A view says what a layer's best-ranked experts, chosen or not, would have given each of a run of
// tokens. Views are valid only during the call. M = n_candidate.
struct CandidateView {
  LayerId layer;
  std::uint32_t first_token = 0;  // position in the decoded sequence
  std::uint32_t n_token = 0;
  std::uint32_t n_candidate = 0;
  Renormalisation renormalisation = Renormalisation::kNone;
  float least_sum = 0.0F;               // with kOverSelected: divided by this where the sum is less
  float scale = 1.0F;                   // of the renormalised weights
  std::span<const std::int32_t> ids;    // [n_token][M], in the order of selection
  std::span<const float> weights;       // [n_token][M], raw, not negative
  std::span<const float> gram;          // [n_token][M(M+1)/2], rows (0,0), (1,0), (1,1), (2,0), …
  std::span<const float> channel_gram;  // the same with channel weights; empty without
  std::span<const float> residual_norms;  // [n_token]; empty where the graph does not name it
};

class CandidateObserver {
 public:
  virtual ~CandidateObserver() = default;
  virtual void on_candidates(const CandidateView& view) = 0;
};

struct CandidateRequest {
  CandidateObserver* observer = nullptr;
  // The layers to report, each with weights w of the channels for a second Gram matrix
  // O diag(w) Oᵀ, [n_embd], or none.
  std::map<LayerId, std::vector<float>> layers;
};

// The vectors that the experts of layers gave together, by block id. Shape: [n_token, n_embd].
using MoeOutputs = std::map<LayerId, std::vector<float>>;

// Virtual surgery.
struct ExpertFilter {
  // Of the layers named, experts not listed cannot be selected.
  KeptExperts kept = {};
  // For layers that choose experts by a table of tokens: of each expert the kept ones that may
  // stand in for it, best first, its own id first when it is kept. Shape: [n_expert][n_keep].
  std::map<LayerId, std::vector<std::vector<ExpertId>>> substitutes = {};
  // So many of the experts that a token chooses count, in all layers, the best-ranked ones: weights
  // are renormalised over these, where the model does so at all, and routing is reported of them
  // alone. 0: as many as the model uses.
  std::uint32_t n_used = 0;

  // Says how many count of the `n_chosen` that a layer of the model uses.
  std::uint32_t n_counted(std::uint32_t n_chosen) const {
    return n_used == 0 || n_used > n_chosen ? n_chosen : n_used;
  }
};

struct DecodeRequest {
  std::span<const std::int32_t> tokens;  // one sequence from position 0
  RoutingObserver* routing = nullptr;    // null: routing is not observed and costs nothing
  bool outputs = false;                  // also the norms of LayerRouting
  bool layer_values = false;             // also its scores and moe_outputs
  bool streams = false;                  // also its ffn_inputs and block_outputs
  // With `layer_values`: what a layer's experts gave is reported, and then gives way to this, so
  // that each layer sees the inputs of the run that these come from, whatever the layers before it
  // made of theirs. It has every layer of info().moe_layers.
  const MoeOutputs* pinned = nullptr;
  LogitsObserver* logits = nullptr;      // null: no logits beyond those that routing needs
  const ExpertFilter* filter = nullptr;  // null: the model as it is
  // Only with EngineOptions::n_candidate, and then without `routing` and `filter`.
  const CandidateRequest* candidates = nullptr;
  Observer* observer = nullptr;  // its cancelled() is polled between batches
};

// Returns the decode that continues `tokens`, which begin with the request's prompt.
DecodeRequest decode_of(const GenerateRequest& request, std::span<const std::int32_t> tokens);

class Engine {
 public:
  virtual ~Engine() = default;
  virtual const EngineInfo& info() const = 0;
  // Special tokens in the text are parsed; BOS is added where the model wants it and the text does
  // not begin with it.
  virtual Result<std::vector<std::int32_t>> tokenize(std::string_view text) = 0;
  // Runs one sequence in a fresh KV cache. With `routing`, every layer of info().moe_layers is
  // reported once for each batch of tokens, layers in graph order. With `filter`, a removed expert
  // that is selected all the same is an error, so virtual surgery cannot fail silently. Errors:
  // kInvalidArgument when the sequence is empty or longer than n_ctx, or the filter names a layer
  // or expert the model lacks or more experts than it uses, candidates and the engine's options do
  // not go together, or `pinned` lacks a layer or token; kUnsupported where the router cannot be
  // filtered, or a table of tokens chooses and fewer are to be used, or where logits are
  // wanted of a model that gives embeddings, or `layer_values` or `streams` of one whose graph
  // does not name them; kEngine; kCancelled.
  virtual Status decode(const DecodeRequest& request) = 0;
  // The same for many short sequences, which may share forward passes unless they have a filter:
  // routing or candidates only, no logits and no layer values; `outputs`, filter and the layers of
  // `candidates` alike.
  // Each request's observer is told of its own tokens. What a sequence's routing is then may differ
  // from decode()'s in near-ties. By default one after the other.
  virtual Status decode_all(std::span<const DecodeRequest> requests);
  // Another engine over the same weights, to decode in another thread meanwhile. It may outlive
  // this one. Errors: kUnsupported, the default; kEngine.
  virtual Result<std::unique_ptr<Engine>> fork();
  // Products on the device that holds the model's weights. Null, the default, where all run on the
  // CPU; else it lives as long as the engine. Errors: kEngine where the device cannot be used so.
  virtual Result<MatrixProducts*> products();

  // Chats. Errors of all: kUnsupported where the model has no chat template, or one that the engine
  // cannot run. An engine that does not override these has none.
  virtual Result<ChatMarkup> chat_markup();
  // The text up to where the model's next turn begins. `thinking` off: with a closed block or
  // whatever else the template has for it; templates without such a switch do not change.
  virtual Result<std::string> render_chat(std::span<const ChatMessage> messages, bool thinking);
  // Says what each token spells; joined they are the text. Shape: [tokens].
  virtual Result<std::vector<TokenText>> spell(std::span<const std::int32_t> tokens);
  // Continues a sequence in a fresh KV cache until the model ends its turn. The same request gives
  // the same tokens. Errors, besides those of chats: those of decode().
  virtual Result<Generation> generate(const GenerateRequest& request);
};

struct EngineOptions {
  Path model;
  // Where set, the model is what this reads, and not a file: it is loaded into memory of the
  // engine's own, and `model` is only where it comes from.
  std::shared_ptr<const gguf::GgufSource> source{};
  std::uint32_t n_ctx = 2048;   // capped at what the model was trained for
  std::uint32_t n_batch = 512;  // tokens per forward pass
  // Sequences that may share a forward pass. 0: many on a GPU, which short ones leave idle; one on
  // the CPU, where it gains nothing and costs the exact repeatability over shards.
  std::uint32_t n_seq = 0;
  int n_threads = 0;  // 0: all cores
  // Layers on GPUs, negative: all, as llama.cpp has it. Without any device they are on the CPU.
  int n_gpu_layers = -1;
  std::uint32_t n_cpu_moe = 0;  // first layers whose experts stay on the CPU all the same
  // host:port of llama.cpp RPC servers, whose devices count as GPUs
  std::vector<std::string> rpc_servers{};
  // Off: weights stay as the file has them, as on an RPC server's CPU; slower, and other roundings.
  bool repack = true;
  bool mmap = true;  // off: weights are read into memory of our own
  // Off: layers with sliding windows cache no more than their window, as llama-server has it.
  bool swa_full = true;
  // Off: buffers have room for the logits of one token of a batch, as a server wants them.
  bool all_logits = true;
  // Off: exact logits. On is faster on GPUs but moves logits (by up to 1.4 on the bundled model).
  bool flash_attn = false;
  // Types of the KV cache, in ggml's spelling (cache_types()).
  std::string cache_type_k = "f16";
  std::string cache_type_v = "f16";
  // M > 0: every decode runs all experts for every token, and CandidateRequest tells of the M that
  // the router ranks best. The model computes what it always does.
  std::uint32_t n_candidate = 0;

  // Stands for the model in messages.
  std::string model_name() const;
};

// Returns the header of the model that these options open. Errors: those of GgufFile::open.
Result<gguf::Header> model_header(const EngineOptions& options);

// Lists the types that a KV cache can have, those of llama.cpp's -ctk.
const std::vector<std::string>& cache_types();

// Refuses a filter that no engine can honour: unknown layer, id out of range, fewer kept than used,
// more to be used than the model does.
Status check_filter(const EngineInfo& info, const ExpertFilter& filter);

}  // namespace coe
