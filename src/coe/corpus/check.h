// This counts what is in a corpus, for `coe corpus check`.
#pragma once

#include "coe/base/observer.h"
#include "coe/base/result.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/hooks.h"
#include "coe/corpus/near_duplicates.h"

#include <cstdint>
#include <string>
#include <vector>

namespace coe {

struct DomainFacts {
  std::string name;
  double weight = 1.0;
  std::uint64_t n_record = 0;
  std::uint64_t n_char = 0;            // Unicode code points
  std::uint64_t n_token = 0;           // 0 without a model
  std::uint64_t n_duplicate = 0;       // records whose text occurred before, in any sub-domain
  std::uint64_t n_near_duplicate = 0;  // other records that are like one before
};

// Errors: those of `model.count_tokens`, kCancelled.
Result<std::vector<DomainFacts>> describe_corpus(const Corpus& corpus,
                                                 const NearDuplicateOptions& near,
                                                 const ModelHooks& model, Observer& observer);

}  // namespace coe
