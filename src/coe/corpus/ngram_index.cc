#include "coe/corpus/ngram_index.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace coe {

NgramIndex::NgramIndex(std::vector<std::uint64_t> ngrams) : ngrams_(std::move(ngrams)) {
  std::sort(ngrams_.begin(), ngrams_.end());
  ngrams_.erase(std::unique(ngrams_.begin(), ngrams_.end()), ngrams_.end());
  counts_.resize(ngrams_.size());
  // One or two n-grams share their leading bits: a look-up is two reads rather than a search.
  const unsigned n_bit = std::clamp(static_cast<unsigned>(std::bit_width(ngrams_.size())), 1U, 30U);
  shift_ = 64 - n_bit;
  first_of_.resize((std::size_t{1} << n_bit) + 1);
  std::size_t at = 0;
  for (std::size_t bucket = 0; bucket + 1 < first_of_.size(); ++bucket) {
    first_of_[bucket] = static_cast<std::uint32_t>(at);
    while (at < ngrams_.size() && (ngrams_[at] >> shift_) == bucket) ++at;
  }
  first_of_.back() = static_cast<std::uint32_t>(at);
}

NgramIndex::Counts* NgramIndex::find(std::uint64_t ngram) {
  const std::size_t bucket = ngram >> shift_;
  for (std::size_t i = first_of_[bucket]; i < first_of_[bucket + 1]; ++i) {
    if (ngrams_[i] == ngram) return &counts_[i];
  }
  return nullptr;
}

}  // namespace coe
