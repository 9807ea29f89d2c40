// This goes from records of text to what is decoded of them, and to which tokens count.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/measure/eval/eval.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coe {

struct ScoredSequence {
  std::size_t domain = 0;
  std::size_t record = 0;            // in its domain
  std::vector<std::int32_t> tokens;  // [n_token], at least 2
  std::vector<bool> scored;          // [n_token] whether its prediction counts; the first's never

  bool same_record(const ScoredSequence& other) const {
    return domain == other.domain && record == other.record;
  }
};

// In the order of the corpus, a record's windows one after the other; what holds nothing to score
// is left out. `all`: every way of running that is to see them. Errors: those of evaluate() that
// concern text and options.
Result<std::vector<ScoredSequence>> plan_sequences(std::span<const EvalSubject* const> all,
                                                   const Corpus& corpus, const EvalOptions& options,
                                                   Observer& observer);

}  // namespace coe
