// The state behind llama.cpp's evaluation callback: collects router nodes of the running batch
// layer by layer, and overwrites router scores for virtual surgery. One instance for each context;
// used from the decoding thread only.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/engine.h"
#include "coe/engine/llama/batch_run.h"
#include "coe/engine/llama/candidate_reader.h"
#include "coe/engine/llama/device_backends.h"
#include "coe/engine/llama/graph_plan.h"
#include "coe/engine/llama/router_math.h"
#include "coe/engine/llama/row_norms.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

struct ggml_tensor;  // NOLINT(readability-identifier-naming): the engine's

namespace coe {

class GraphObserver {
 public:
  GraphObserver() = default;
  GraphObserver(const GraphObserver&) = delete;
  GraphObserver& operator=(const GraphObserver&) = delete;

  // The trampoline for llama_context_params::cb_eval; `self` is a GraphObserver.
  static bool on_node(ggml_tensor* node, bool ask, void* self);

  // Census mode: notes names, asks for nothing.
  void begin_census();
  Census end_census();
  // Says whether the census saw logits: embedding models compute none.
  bool saw_logits() const { return saw_logits_; }

  // Plans are needed from here on.
  void set_plans(std::map<std::uint32_t, LayerPlan> plans) { plans_ = std::move(plans); }

  // From here on all experts run, not only the `n_used` that count; see CandidateReader.
  void watch_candidates(std::uint32_t n_used, std::uint32_t n_candidate, int n_threads) {
    candidates_ = std::make_unique<CandidateReader>(n_used, n_candidate, n_threads, backends_);
  }

  // Before each batch: what to watch. `runs`: the batch's tokens in their order, valid until
  // end_batch; several only when all of them want routing or candidates, alike, and none has a
  // filter.
  void begin_batch(std::span<const BatchRun> runs);
  // After it: the first thing that went wrong (a layer that stayed silent, a removed expert
  // selected).
  Status end_batch();

 private:
  enum Role : std::uint8_t {
    kIds,
    kWeights,
    kOutputs,
    kMoeOut,
    kResidual,
    kScores,
    kMerged,
    kStream,
    kBlockOut,
    kNoRole
  };
  // In the order of Role, which is the order of reading: the shape of the ids comes first.
  static constexpr std::array<Reading LayerPlan::*, kNoRole> kReadings = {
      &LayerPlan::ids,     &LayerPlan::weights,  &LayerPlan::outputs,
      &LayerPlan::moe_out, &LayerPlan::residual, &LayerPlan::scores,
      &LayerPlan::merged,  &LayerPlan::stream,   &LayerPlan::block_out};

  struct LayerBuffers {
    std::array<ggml_tensor*, kNoRole> nodes{};  // seen, and to be read at a later stop
    std::array<bool, kNoRole> done{};
    LayerRouting routing;       // of all tokens of the batch
    std::size_t n_missing = 0;  // nodes still to come before the layer is reported
  };

  bool wants_role(Role role) const;
  const std::string& stop_of(const Reading& reading) const;
  bool wants(const LayerPlan& plan, std::string_view base) const;
  void remember(ggml_tensor* node, const LayerPlan& plan, std::string_view base,
                LayerBuffers& buffers) const;
  void note_uses(const ggml_tensor* node);
  void note(const ggml_tensor* node, std::string_view base, std::uint32_t layer);
  void stop(ggml_tensor* node, std::string_view base, std::uint32_t layer);
  void read(Role role, ggml_tensor* node, std::uint32_t layer, LayerRouting& routing);
  void read_ids(ggml_tensor* node, std::uint32_t layer, LayerRouting& routing);
  void read_weights(const ggml_tensor* node, std::uint32_t layer, LayerRouting& routing);
  std::vector<float> norms_of(const ggml_tensor* node);
  template <class Number>
  std::vector<Number> rows_of(const ggml_tensor* node);
  // Writes the request's vectors over a layer's experts' own.
  void pin(ggml_tensor* node, std::uint32_t layer);
  // Virtual surgery: what `node` means for it, if anything.
  void filter(ggml_tensor* node, const LayerPlan& plan, std::string_view base, std::uint32_t layer);
  void keep_logits(const ggml_tensor* node, const std::vector<bool>& kept, std::uint32_t layer);
  Status replace_probs(ggml_tensor* node, const std::vector<bool>& kept, const LayerPlan& plan,
                       std::uint32_t layer);
  // Leaves out the chosen experts that do not count, where `node` holds their weights.
  void use_fewer(ggml_tensor* node, const LayerPlan& plan, std::string_view base,
                 std::uint32_t layer);
  static void remove_experts(ggml_tensor* node, const std::vector<bool>& kept);
  void substitute(ggml_tensor* node, std::uint32_t layer, LayerRouting& routing);
  void report(std::uint32_t layer, LayerBuffers& buffers);
  void check_kept(std::uint32_t layer, const std::vector<std::int32_t>& ids);
  // The node's bytes, on the host until the next call.
  const std::byte* bytes_of(const ggml_tensor* node);

  bool census_mode_ = false;
  Census census_;
  std::size_t n_seen_ = 0;                                          // nodes, from 1
  std::unordered_map<const ggml_tensor*, std::size_t> last_use_;    // of what owns the memory
  std::vector<std::pair<CensusNode*, const ggml_tensor*>> owners_;  // of the named nodes
  bool saw_logits_ = false;
  std::map<std::uint32_t, LayerPlan> plans_;
  const DecodeRequest* request_ = nullptr;  // null between batches; the first of `runs_`
  std::span<const BatchRun> runs_;
  std::uint32_t n_token_ = 0;
  std::map<std::uint32_t, LayerBuffers> layers_;
  std::map<std::uint32_t, std::vector<bool>> kept_;  // of the request's filter
  std::vector<float> kept_logits_;                   // [T, n_kept] of `kept_logits_layer_`
  std::uint32_t kept_logits_layer_ = 0;
  std::vector<float> counted_logits_;  // [T, n_counted] of a softmax over the chosen
  bool in_chunks_ = false;             // that layer's probabilities have been replaced once
  DeviceBackends backends_;
  RouterMath math_{backends_};
  RowNorms row_norms_{backends_};
  std::unique_ptr<CandidateReader> candidates_;  // null: the model runs the chosen experts only
  std::vector<std::byte> scratch_;               // host copy of a device node
  Status status_;
};

}  // namespace coe
