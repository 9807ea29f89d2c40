// Cuts text into many short stretches, which tell more of a model than few long ones.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/engine/engine.h"

#include <cstdint>
#include <vector>

namespace coe {

// Token sequences.
using Stretches = std::vector<std::vector<std::int32_t>>;

struct StretchOptions {
  std::uint64_t n_token = 4000;
  std::uint32_t record_tokens = 128;
};

// Returns token sequences of at most record_tokens, n_token in all or as many as the corpus has:
// in the profiler's order the first of each record, then the second of each, …. Each begins as the
// model wants it (BOS). Errors: kInvalidArgument for lengths below 2; kCorrupt when there is no
// token; kCancelled; those of Engine::tokenize, naming the record.
Result<Stretches> plan_stretches(Engine& engine, const Corpus& corpus,
                                 const StretchOptions& options, Observer& observer);

}  // namespace coe
