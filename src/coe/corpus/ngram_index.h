// The index holds the distinct n-grams of the evaluation text, and for each the number of records
// of either text that it occurs in. It is private to corpus/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace coe {

class NgramIndex {
 public:
  struct Count {
    std::uint32_t n_record = 0;
    std::uint32_t last = 0;  // number of the last record that it was seen in, from 1
    // Records come one after the other, so the last one tells whether this is another.
    void see(std::uint32_t record) {
      if (last == record) return;
      last = record;
      ++n_record;
    }
  };
  struct Counts {
    Count evaluation;
    Count profiling;
  };

  explicit NgramIndex(std::vector<std::uint64_t> ngrams);
  // Null for an n-gram that is none of them.
  Counts* find(std::uint64_t ngram);
  std::span<const Counts> counts() const { return counts_; }

 private:
  std::vector<std::uint64_t> ngrams_;    // sorted, each once
  std::vector<std::uint32_t> first_of_;  // where those with the same leading bits begin
  std::vector<Counts> counts_;           // beside ngrams_
  unsigned shift_ = 63;
};

}  // namespace coe
