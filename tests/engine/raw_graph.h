// Runs a model through libllama and copies what the routers and experts of its compute graph hold:
// the raw material of the routing reference. Shares no code with engine_llama: nodes are known by
// their operation and the weight they multiply, not by the names that the engine gives them.
#pragma once

#include "coe/base/file.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe::testing {

// One MoE layer of one batch of T tokens. R experts a token in the engine's order, E in all.
struct RawLayer {
  std::size_t n_token = 0;
  std::size_t n_used = 0;
  std::size_t n_out = 0;                 // width of an expert's output
  std::size_t n_in = 0;                  // width of what its down matrix multiplies
  std::vector<float> logits;             // [T][E] router matrix times its input, no bias
  std::vector<std::int32_t> multiplied;  // [T][R] the experts whose matrices were used
  std::vector<float> activations;        // [T][R][n_in] what the down matrices multiplied
  std::vector<float> products;           // [T][R][n_out] the results, no scale, no bias
  std::vector<float> residual;           // [T][n_embd], empty where it was not asked for
};

using RawBatch = std::map<std::uint32_t, RawLayer>;  // by block

struct RawGraphOptions {
  std::uint32_t n_ctx = 2048;
  std::uint32_t n_batch = 512;
  std::string residual;  // name of the node, without the layer; empty: none
};

class RawGraph {
 public:
  // Throws std::runtime_error, as do all of these, when the engine refuses.
  RawGraph(const Path& model, const RawGraphOptions& options);
  ~RawGraph();
  RawGraph(const RawGraph&) = delete;
  RawGraph& operator=(const RawGraph&) = delete;

  // Special tokens parsed, BOS in front where the model wants it.
  std::vector<std::int32_t> tokenize(std::string_view text) const;
  // One sequence in an empty cache, `n_batch` tokens at a time, logits of every token wanted.
  std::vector<RawBatch> run(std::span<const std::int32_t> tokens);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Tensors of a GGUF file, read and dequantised by ggml; empty when there is none of this name.
class RawWeights {
 public:
  explicit RawWeights(const Path& model);
  ~RawWeights();
  RawWeights(const RawWeights&) = delete;
  RawWeights& operator=(const RawWeights&) = delete;

  std::vector<float> floats(const std::string& name) const;
  std::vector<std::int32_t> ints(const std::string& name) const;
  bool is_f32(const std::string& name) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coe::testing
