// The part of a block that healing changes, as llama.cpp v0.5.0 computes it: a dense FFN (or a
// shared expert) beside the routed experts. For each token, with the residual stream h that enters
// it and the experts' output e:
//
//   x = rms(h) ⊙ w_norm          a = f(W_gate x) ⊙ (W_up x)        d = γ W_down a
//   y = g1 ⊙ rms(d) + g2 ⊙ rms(e)                     out = s (h + g3 ⊙ rms(y))     kNormed
//   y = d + e                                          out = h + y                  kPlain
//
// rms(v) = v / √(mean v² + ε); f is gelu (tanh) or silu; γ = sigmoid(w_γ · x) where the shared
// expert has a gate, else 1; s = layer_output_scale, where there is one.
#pragma once

#include "coe/base/result.h"
#include "coe/child/heal/linear_algebra.h"
#include "coe/model/gguf/dequantizer.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/model.h"

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace coe {

enum class BlockForm { kNormed, kPlain };
enum class Activation { kGelu, kSilu };

// What healing may change. Shapes: gate, up [F, D], down [D, F]; g1, g2 [D], empty in kPlain.
struct DenseWeights {
  Matrix gate;
  Matrix up;
  Matrix down;
  std::vector<float> g1;
  std::vector<float> g2;
};

struct Block {
  BlockForm form = BlockForm::kNormed;
  Activation activation = Activation::kGelu;
  float eps = 0.0F;
  float scale = 1.0F;              // s
  std::vector<float> input_norm;   // w_norm [D]
  std::vector<float> outer_norm;   // g3 [D]; empty in kPlain
  std::vector<float> shared_gate;  // w_γ [D]; empty without
  DenseWeights parent;             // the weights as they are
  // Names of the tensors of `parent`, in its order; those of g1 and g2 are empty in kPlain.
  std::string gate_name;
  std::string up_name;
  std::string down_name;
  std::string g1_name;
  std::string g2_name;

  std::size_t n_embd() const { return input_norm.size(); }
  std::size_t n_ff() const { return parent.gate.n_row; }
};

// Reads what the file has. Errors: kUnsupported, with the reason, where a layer has no dense FFN or
// shared expert with gate, up and down beside its experts, or is of a form that is not one of the
// two above; kCorrupt for a shape that is none; those of GgufFile::read.
Result<Block> read_block(const gguf::GgufFile& file, const MoeModel& model, LayerId layer,
                         const gguf::Dequantizer& dequantizer);

// Says before any work whether read_block() knows the form of every layer. Errors: kUnsupported,
// with the reason.
Status check_healable(const gguf::GgufFile& file, const MoeModel& model,
                      const gguf::Dequantizer& dequantizer);

// What is known of tokens of a layer. Shapes: [n, D].
struct LayerTokens {
  Matrix input;               // x
  Matrix experts;             // kNormed: rms(e), of the kept experts; kPlain: e
  Matrix target;              // U = out/s − h of the parent, what g3 ⊙ rms(y) or y should be
  std::vector<float> weight;  // ω = 1 / mean_j (h + U)_j²
  std::vector<float> gate;    // γ; empty without
  // γ a of the parent's gate and up, [n, F], or empty: for fits that leave these two alone, which
  // then need a third of the work.
  Matrix act;

  std::size_t size() const { return weight.size(); }
};

// Some of them, one after the other. What they are of must outlive them.
struct TokenRows {
  MatrixView input;
  MatrixView experts;
  MatrixView target;
  MatrixView act;
  std::span<const float> weight;
  std::span<const float> gate;

  TokenRows(const LayerTokens& tokens)  // NOLINT(google-explicit-constructor): as MatrixView
      : input(tokens.input),
        experts(tokens.experts),
        target(tokens.target),
        act(tokens.act),
        weight(tokens.weight),
        gate(tokens.gate) {}
  std::size_t size() const { return weight.size(); }
  TokenRows part(std::size_t first, std::size_t n) const;
};

// Of a batch, as the engine tells it. Shapes: [n, D].
struct EngineTokens {
  Matrix stream;   // h
  Matrix experts;  // e of the parent's experts
  Matrix kept;     // e of the kept ones
};

// The gain: by how much the kept experts' normalised output falls short of the parent's.
// Source: healing, formula 1; α = Σ g2² n p / Σ g2² n² over tokens and channels.
struct GainSums {
  double product = 0.0;
  double square = 0.0;
  double gain() const { return square > 0.0 ? product / square : 1.0; }
};

// What a pass over a batch of n tokens computes, kept for the gradient.
struct DenseForward {
  Matrix gate;                     // W_gate x      [n, F]
  Matrix up;                       // W_up x        [n, F]
  Matrix act;                      // γ a           [n, F]; not touched with TokenRows::act
  Matrix dense;                    // d; kNormed: rms(d)   [n, D]
  Matrix mixed;                    // kNormed: rms(y)      [n, D]
  Matrix output;                   // g3 ⊙ rms(y), or y    [n, D]
  std::vector<float> dense_scale;  // 1 / rms-divisor of d   [n]
  std::vector<float> mixed_scale;  // of y                   [n]
  Matrix by_act;                   // of the gradient        [n, F]
};

// Gives `tokens` room for n tokens, in the memory that it has where that is of the same shape. With
// `keep_act` there is room for their `act`.
void make_room(const Block& block, std::size_t n, bool keep_act, LayerTokens& tokens);

// Puts the tokens of a batch at place `first` of `tokens`, which has room for them, and uses the
// batch up. `gain` may be null; in kPlain nothing is added to it. `work` is memory to work in.
void put_tokens(const Block& block, EngineTokens& batch, std::size_t first, LayerTokens& tokens,
                GainSums* gain, DenseForward& work);

// Copies rows `rows` of `tokens` into `out`, whose memory is used again. `act` is left out.
void take_rows(const LayerTokens& tokens, std::span<const std::size_t> rows, LayerTokens& out);

// With tokens.act the weights' gate and up are taken for the parent's.
void run_dense(const Block& block, const DenseWeights& weights, const TokenRows& tokens,
               DenseForward& out);

// The layer's error Σ ω‖output − U‖² / Σ ω. `work` is memory to work in.
double layer_error(const Block& block, const DenseWeights& weights, const TokenRows& tokens,
                   DenseForward& work);

// The gradient of Σ ω‖output − U‖² / Σ ω by the weights, exact through both norms, in shapes of
// `weights`, into `grad`, whose memory is used again. `forward` is that of run_dense(), without
// tokens.act; it is used up.
void layer_gradient(const Block& block, const DenseWeights& weights, const TokenRows& tokens,
                    DenseForward& forward, DenseWeights& grad);

}  // namespace coe
