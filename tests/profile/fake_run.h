// Text that tests of the profiler feed it with.
#pragma once

#include "coe/corpus/corpus.h"

#include <fmt/format.h>

#include <cstddef>

namespace coe::testing {

// Sub-domains `alpha` and `beta` of `n_record` records each.
inline Corpus corpus_of(std::size_t n_record) {
  Corpus corpus;
  corpus.digest = "xxh3:corpus";
  for (const auto* name : {"alpha", "beta"}) {
    corpus.domains.push_back({name, 1.0, {}});
    for (std::size_t i = 0; i < n_record; ++i)
      corpus.domains.back().records.push_back(
          {fmt::format("{} text {} of some length", name, i), "t"});
  }
  return corpus;
}

}  // namespace coe::testing
