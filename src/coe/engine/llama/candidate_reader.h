// Candidates: in what llama.cpp calls a warm-up, a context runs all experts for every token, in the
// order of their rank, and sums up the first R, as many as the model uses. Only their router
// weights are not the model's where those are normalised over the chosen. Here they become what
// they are in the model as it is, and the model gives what it always gives, to the bit on the CPU.
#pragma once

#include "coe/base/result.h"
#include "coe/engine/llama/batch_run.h"
#include "coe/engine/llama/gram.h"
#include "coe/engine/llama/graph_plan.h"
#include "coe/engine/llama/router_math.h"
#include "coe/engine/llama/row_norms.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

struct ggml_tensor;  // NOLINT(readability-identifier-naming): the engine's

namespace coe {

// Errors: kUnsupported for graphs where this does not hold: weights applied before the experts,
// experts chosen by a table, a second pass for chunks, no node for the outputs.
Status check_candidates(const std::map<std::uint32_t, LayerPlan>& plans);

// One for each context; used from its decoding thread only.
class CandidateReader {
 public:
  // `n_used`: experts that count for a token; `n_candidate`: the best of them that are told of.
  // `backends` must outlive it.
  CandidateReader(std::uint32_t n_used, std::uint32_t n_candidate, int n_threads,
                  DeviceBackends& backends);

  // Gives what the evaluation callback returns for a node of a planned layer.
  bool on_node(ggml_tensor* node, bool ask, const LayerPlan& plan, const NodeName& name);
  // As those of GraphObserver.
  void begin_batch(std::span<const BatchRun> runs);
  Status end_batch(const std::map<std::uint32_t, LayerPlan>& plans);

 private:
  struct Layer {
    const ggml_tensor* ids_node = nullptr;
    std::vector<std::int32_t> ids;  // [n_token][M]
    std::vector<float> raw;         // [n_token][M]
    std::vector<float> residual_norms;
    std::size_t n_run = 0;  // experts, all of the layer
    std::size_t n_token = 0;
    bool weighed = false;
    bool reported = false;
  };

  const std::vector<float>* channel_weights_of(std::uint32_t layer) const;
  Status stop(ggml_tensor* node, const LayerPlan& plan, const NodeName& name);
  Status read_choice(const ggml_tensor* node, Layer& layer) const;
  Status weigh(ggml_tensor* node, const LayerPlan& plan, Layer& layer);
  Status report(const ggml_tensor* outputs, const LayerPlan& plan, std::uint32_t id, Layer& layer);

  std::size_t n_used_;
  std::size_t n_candidate_;
  RouterMath math_;
  RowNorms row_norms_;
  Gram gram_;
  std::span<const BatchRun> runs_;
  std::size_t n_token_ = 0;
  const CandidateRequest* request_ = nullptr;
  std::map<std::uint32_t, Layer> layers_;
  Status status_;
};

}  // namespace coe
