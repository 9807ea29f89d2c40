// Small layers with weights from a seed, for tests of healing.
#pragma once

#include "coe/base/rng.h"
#include "coe/child/heal/block.h"

#include <cstddef>
#include <vector>

namespace coe::testing {

inline std::vector<float> drawn(std::size_t n, Rng& rng, float middle = 0.0F) {
  std::vector<float> values(n);
  for (float& value : values) value = middle + static_cast<float>(2.0 * rng.uniform() - 1.0);
  return values;
}

inline Matrix drawn_matrix(std::size_t n_row, std::size_t n_column, Rng& rng) {
  Matrix matrix(n_row, n_column);
  matrix.values = drawn(n_row * n_column, rng);
  return matrix;
}

inline Block made_block(BlockForm form, std::size_t n_embd, std::size_t n_ff, Rng& rng,
                        bool gated = false) {
  Block block;
  block.form = form;
  block.activation = form == BlockForm::kNormed ? Activation::kGelu : Activation::kSilu;
  block.eps = 1e-6F;
  block.input_norm = drawn(n_embd, rng, 2.0F);
  block.parent.gate = drawn_matrix(n_ff, n_embd, rng);
  block.parent.up = drawn_matrix(n_ff, n_embd, rng);
  block.parent.down = drawn_matrix(n_embd, n_ff, rng);
  if (form == BlockForm::kNormed) {
    block.parent.g1 = drawn(n_embd, rng, 2.0F);
    block.parent.g2 = drawn(n_embd, rng, 2.0F);
    block.outer_norm = drawn(n_embd, rng, 2.0F);
    block.g1_name = "g1";
    block.g2_name = "g2";
  } else if (gated) {
    block.shared_gate = drawn(n_embd, rng);
  }
  block.gate_name = "gate";
  block.up_name = "up";
  block.down_name = "down";
  return block;
}

// Tokens of which the kept experts give what the parent's do, plus `missing` of noise.
inline EngineTokens made_tokens(std::size_t n, std::size_t n_embd, float missing, Rng& rng) {
  EngineTokens tokens;
  tokens.stream = drawn_matrix(n, n_embd, rng);
  tokens.experts = drawn_matrix(n, n_embd, rng);
  tokens.kept = tokens.experts;
  for (float& value : tokens.kept.values)
    value += missing * static_cast<float>(2.0 * rng.uniform() - 1.0);
  return tokens;
}

// What is known of the tokens of one batch.
inline LayerTokens tokens_of(const Block& block, EngineTokens batch, bool keep_act = false,
                             GainSums* gain = nullptr) {
  LayerTokens tokens;
  DenseForward work;
  make_room(block, batch.stream.n_row, keep_act, tokens);
  put_tokens(block, batch, 0, tokens, gain, work);
  return tokens;
}

inline double error_of(const Block& block, const DenseWeights& weights, const LayerTokens& tokens) {
  DenseForward work;
  return layer_error(block, weights, tokens, work);
}

}  // namespace coe::testing
