// The floor says how far a model's logits move though nothing is removed: the KL of the model as it
// is to itself under virtual surgery that keeps every expert. Virtual surgery stops the graph at
// each router, so that kernels are not fused and round otherwise; on a GPU that is enough for
// near-ties to fall the other way. A KL under a mask says nothing that is smaller than this.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"

#include <cstdint>

namespace coe {

struct NoiseFloor {
  std::uint64_t n_token = 0;
  double kl_mean = 0.0;
  double top1_agreement = 0.0;
};

// Over the first records of each sub-domain, some 2,000 tokens in all. Errors: those of evaluate().
Result<NoiseFloor> noise_floor(Engine& engine, const Corpus& corpus, Observer& observer);

}  // namespace coe
