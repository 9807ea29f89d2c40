#include "coe/corpus/near_duplicates.h"

#include "coe/base/result.h"
#include "coe/base/rng.h"
#include "coe/corpus/words.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coe {

std::vector<std::uint64_t> shingles_of(std::string_view text, const NearDuplicateOptions& options) {
  using Unit = NearDuplicateOptions::Unit;
  std::vector<std::uint64_t> out;
  if (options.unit == Unit::kWord) {
    const auto words = words_of(text);
    const std::size_t size = std::min(options.shingle_size, words.size());
    if (size > 0) out = ngrams_of(words, size);
  } else {
    out = character_ngrams_of(text, options.shingle_size);
  }
  if (out.empty()) out = {squeezed_hash(text)};
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

double jaccard(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b) {
  std::size_t n_both = 0;
  auto i = a.begin();
  auto j = b.begin();
  while (i != a.end() && j != b.end()) {
    if (*i == *j)
      ++n_both, ++i, ++j;
    else if (*i < *j)
      ++i;
    else
      ++j;
  }
  const std::size_t n_either = a.size() + b.size() - n_both;
  return n_either == 0 ? 1.0 : static_cast<double>(n_both) / static_cast<double>(n_either);
}

Banding banding_for(double threshold) {
  constexpr double kRecall = 0.99;
  Banding out{kMinHashes, 1};
  for (std::size_t row = 2; row <= kMinHashes; ++row) {
    const std::size_t band = kMinHashes / row;
    const double missed =
        std::pow(1.0 - std::pow(threshold, static_cast<double>(row)), static_cast<double>(band));
    if (1.0 - missed >= kRecall) out = {band, row};
  }
  return out;
}

NearDuplicates::NearDuplicates(const NearDuplicateOptions& options)
    : options_(options), banding_(banding_for(options.threshold)) {
  Rng rng(kMinHashes);  // any seed does; a fixed one gives the same candidates everywhere
  for (std::size_t i = 0; i < kMinHashes; ++i) {
    factors_.at(i) = rng.next() | 1U;
    offsets_.at(i) = rng.next();
  }
}

NearDuplicates::Sketch NearDuplicates::sketch(std::string_view text) const {
  Sketch out{shingles_of(text, options_), {}};
  // Multiply-shift hashing: Dietzfelbinger et al., J. Algorithms 25(1), 1997.
  std::array<std::uint64_t, kMinHashes> least{};
  least.fill(std::numeric_limits<std::uint64_t>::max());
  for (const std::uint64_t shingle : out.shingles) {
    for (std::size_t i = 0; i < kMinHashes; ++i)
      least[i] = std::min(least[i], (factors_[i] * shingle + offsets_[i]) >> 32U);
  }
  out.bands.reserve(banding_.n_band);
  for (std::size_t band = 0; band < banding_.n_band; ++band) {
    std::uint64_t key = band;
    for (std::size_t row = 0; row < banding_.n_row; ++row)
      key = Rng(key ^ least.at(band * banding_.n_row + row)).next();
    out.bands.push_back(key);
  }
  return out;
}

Result<std::optional<NearDuplicates::Id>> NearDuplicates::find(const Sketch& sketch,
                                                               const TextOf& text_of) const {
  std::vector<Id> candidates;
  for (const std::uint64_t key : sketch.bands) {
    const auto head = heads_.find(key);
    if (head == heads_.end()) continue;
    for (std::uint32_t at = head->second; at != 0; at = entries_[at - 1].next)
      candidates.push_back(entries_[at - 1].id);
  }
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  for (const Id id : candidates) {
    COE_TRY(const std::string text, text_of(id));
    if (jaccard(sketch.shingles, shingles_of(text, options_)) >= options_.threshold)
      return std::optional(id);
  }
  return std::optional<Id>();
}

void NearDuplicates::add(const Sketch& sketch, Id id) {
  for (const std::uint64_t key : sketch.bands) {
    std::uint32_t& head = heads_[key];
    entries_.push_back({id, head});
    head = static_cast<std::uint32_t>(entries_.size());
  }
}

}  // namespace coe
