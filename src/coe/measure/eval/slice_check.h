// Whether a sliced file computes what its parent computes under the mask, on whatever device: layer
// by layer on the same inputs. On a GPU two right models drift apart over their layers (kernels of
// other shapes round otherwise, activations have 8 bits, near-ties fall the other way), so their
// last logits prove little. Here each layer of the child gets the stream of the masked parent's
// run, and what differs is the rounding of one layer. The proof of bytes is verify's.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"
#include "coe/model/moe/ids.h"
#include "coe/model/moe/kept_experts.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace coe {

// Limits of what rounding can do, each a multiple of what was measured on right children and a
// fraction of what wrong ones give (docs/decisions/0008-slice-check.md).
struct SliceLimits {
  double score = 0.05;
  double weight = 0.05;
  double output = 0.05;
  double near_ties = 0.05;     // share of tokens
  double other_choice = 0.01;  // share of tokens
  double kl = 1e-4;
};

// One layer of the child against the masked parent's, over all tokens.
struct LayerDifference {
  LayerId layer;
  std::uint64_t n_token = 0;
  // This is that of the kept expert that differs most: the root mean square over tokens of the
  // difference in its router score, divided by that of the score itself or by the spread of the
  // layer's scores, whichever is less. It covers experts that no token chose.
  double score = 0.0;
  // Tokens that chose other experts, though not further apart in score than the scores moved.
  std::uint64_t n_near_tie = 0;
  std::uint64_t n_other_choice = 0;  // tokens that chose other experts without that excuse
  // Over tokens that chose the same: the largest difference of a router weight, relative to the
  // token's largest weight; and the largest length of the difference of what the experts gave
  // together, relative to its own length or the sum of the weighted lengths of its parts.
  double weight = 0.0;
  double output = 0.0;
};

struct SliceCheck {
  std::vector<LayerDifference> layers;
  std::uint64_t n_record = 0;
  std::uint64_t n_token = 0;
  std::uint64_t n_expert_kept = 0;  // over layers
  std::uint64_t n_expert_ran = 0;   // of them, chosen by some token
  // The last logits on the same inputs: of all that is not routed.
  double kl_mean = 0.0;
  double logit_diff_max = 0.0;
  // Empty, or the first layer that is beyond the limits and how.
  std::string finding;

  bool ok() const { return finding.empty(); }
  LayerDifference worst() const;  // the largest of each; `layer` of the largest output
};

// The masked parent's run over some text.
class SliceReference {
 public:
  // Runs the parent under `filter` over records of each sub-domain in turn, cut to 128 tokens, 512
  // in all. Memory: what is kept of a token is n_vocab + n_layer * (n_embd + n_expert + 2 * n_used)
  // numbers of 4 bytes. Errors: those of Engine::decode.
  static Result<SliceReference> record(Engine& parent, const ExpertFilter& filter,
                                       const Corpus& corpus, Observer& observer);

  // `child`: sliced, or zeroed with the parent's shape. Errors: kMismatch where it has another
  // number of experts, layers, or tokens in its vocabulary; those of Engine::decode.
  Result<SliceCheck> check(Engine& child, const SliceLimits& limits, Observer& observer) const;

  // One layer's values for the tokens of one record.
  struct Layer {
    std::size_t n_used = 0;
    std::vector<std::int32_t> ids;  // [n_token, n_used]
    std::vector<float> weights;     // [n_token, n_used]
    std::vector<float> lengths;     // [n_token] sum of the weighted lengths of the experts' outputs
    std::vector<float> scores;      // [n_token, n_expert], empty where a table chooses
  };

 private:
  struct Record {
    std::vector<std::int32_t> tokens;
    std::map<LayerId, Layer> layers;
    MoeOutputs outputs;
    std::vector<float> logits;  // [n_token, n_vocab]
  };
  class Comparison;

  std::size_t n_vocab_ = 0;
  std::uint32_t n_expert_ = 0;  // of the parent
  KeptExperts kept_;
  std::vector<Record> records_;
};

}  // namespace coe
