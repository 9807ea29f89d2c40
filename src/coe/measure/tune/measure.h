// This measures what masks cost, on the running parent by virtual surgery.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"
#include "coe/mask/keep_mask.h"
#include "coe/measure/eval/eval.h"
#include "coe/model/gguf/reader.h"
#include "coe/model/moe/model.h"

#include <cstdint>
#include <span>
#include <vector>

namespace coe {

// The parent and held-out text: what masks are measured with. All must outlive it.
struct Bench {
  Engine& engine;  // runs `file`
  const gguf::GgufFile& file;
  const MoeModel& model;
  const Corpus& corpus;
  EvalOptions eval;
  std::uint32_t n_used = 0;  // experts that count for a token; 0: as many as the model uses
};

// One sum over all sub-domains for each mask, in order, against the parent as it is, whose logits
// are computed once. Errors: those of check_mask, virtual_surgery and evaluate.
Result<std::vector<DomainEval>> measure_masks(const Bench& bench,
                                              std::span<const KeepMask* const> masks,
                                              Observer& observer);

}  // namespace coe
