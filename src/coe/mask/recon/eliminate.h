// Greedy elimination by reconstruction finds which of a layer's experts can go, one after the
// other, with the least change of what the layer gives. It is pure arithmetic on a few thousand
// tokens; nothing here runs a model. Source: docs/method.md, section 8, "`recon`".
//
// For a token with output y = Σ w_k o_k of its R best experts, and y' the same with the experts
// that are left, the error is
//
//     ‖γ ⊙ (y / r − y' / r')‖²,   r² = ‖y‖² / n_embd + eps
//
// where an RMS norm with weights γ follows the layer's output, and ‖y − y'‖² where none does. With
// v the differences of the (scaled) weights it is vᵀ Γ v, and ‖y‖² = wᵀ G w: the Gram matrices of a
// token's candidates are all that is needed of their outputs.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/engine/engine.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace coe {

// Elimination needs this of one layer's tokens: T tokens with M candidates each.
struct LayerCandidates {
  std::uint32_t n_expert = 0;     // of the layer
  std::uint32_t n_used = 0;       // R
  std::uint32_t n_candidate = 0;  // M
  std::uint32_t n_embd = 0;       // with has_norm
  Renormalisation renormalisation = Renormalisation::kOverSelected;
  float least_sum = 0.0F;
  float scale = 1.0F;
  bool has_norm = false;            // an RMS norm follows; else plain differences
  float norm_eps = 0.0F;            // with has_norm
  std::vector<std::uint16_t> ids;   // [T][M], in the order of selection
  std::vector<float> weights;       // [T][M], raw
  std::vector<float> gram;          // [T][M(M+1)/2] of the outputs
  std::vector<float> channel_gram;  // the same weighted by γ²; empty: γ is 1
  std::vector<float> importance;    // [T], a factor on the token's error

  std::size_t n_token() const { return importance.size(); }
};

// A rule says which experts go together, and where they may go from.
struct EliminationRule {
  std::uint32_t n_group = 1;  // equal runs of experts; each gives one before any gives another
};

struct Elimination {
  std::vector<std::uint32_t> order;  // [E], all experts, the first to go first
  std::vector<double> loss;          // [E]: Σ error / Σ importance once order[0..i] are gone
};

// Removes all experts one by one. A token with fewer than R left among its candidates uses those it
// has; one with none gives 0. Of equal costs the higher id goes first, as masks keep the lower. The
// same input gives the same order. Errors: kCorrupt when sizes, ids or values contradict each other
// (an id twice, a value that is not finite); kCancelled. Complexity: O(T R³) for each of about R
// ln(E/R) times that a token is touched.
Result<Elimination> eliminate(const LayerCandidates& layer, const EliminationRule& rule,
                              Observer& observer);

}  // namespace coe
