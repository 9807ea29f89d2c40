// MinHash signatures of shingle sets find pairs of texts that may be near-duplicates, and the sets
// themselves decide. Source: Broder, "On the resemblance and containment of documents", SEQUENCES
// 1997; banding: Leskovec, Rajaraman & Ullman, "Mining of Massive Datasets", section 3.4.
#pragma once

#include "coe/base/result.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace coe {

struct NearDuplicateOptions {
  enum class Unit : std::uint8_t { kWord, kCharacter };
  double threshold = 0.0;  // Jaccard index of the shingle sets, above 0 to 1; 0: not looked for
  Unit unit = Unit::kWord;
  std::size_t shingle_size = 3;  // words or characters
};

// Returns the hashes of the runs of `shingle_size` words or characters, sorted and each once. A
// text that is shorter is one shingle.
std::vector<std::uint64_t> shingles_of(std::string_view text, const NearDuplicateOptions& options);

// |A ∩ B| / |A ∪ B| of sorted sets; 1 of two empty ones.
double jaccard(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b);

inline constexpr std::size_t kMinHashes = 128;  // of a text

// Hash values are grouped into bands. Texts that agree in all of one band are compared.
struct Banding {
  std::size_t n_band = 0;
  std::size_t n_row = 0;
};
// Returns the longest bands, which mean the fewest comparisons, that still find 99 of 100 pairs
// whose index is just the threshold, by 1 − (1 − tʳ)ᵇ.
Banding banding_for(double threshold);

// The texts seen so far are kept as the hashes of their bands, about 1 kB a text at a threshold of
// 0.8, however long the text is.
class NearDuplicates {
 public:
  using Id = std::uint32_t;
  // A text is looked up and added by its sketch.
  struct Sketch {
    std::vector<std::uint64_t> shingles;
    std::vector<std::uint64_t> bands;
  };
  // Gives the text that was added under `id` once more.
  using TextOf = std::function<Result<std::string>(Id id)>;

  explicit NearDuplicates(const NearDuplicateOptions& options);

  Sketch sketch(std::string_view text) const;
  // Returns the first text added whose Jaccard index with this one reaches the threshold. Errors:
  // those of `text_of`.
  Result<std::optional<Id>> find(const Sketch& sketch, const TextOf& text_of) const;
  void add(const Sketch& sketch, Id id);

 private:
  struct Entry {
    Id id = 0;
    std::uint32_t next = 0;  // index + 1 of the next entry of the band; 0: none
  };
  NearDuplicateOptions options_;
  Banding banding_;
  std::array<std::uint64_t, kMinHashes> factors_{};
  std::array<std::uint64_t, kMinHashes> offsets_{};
  std::vector<Entry> entries_;
  std::unordered_map<std::uint64_t, std::uint32_t> heads_;  // by band key; index + 1
};

}  // namespace coe
