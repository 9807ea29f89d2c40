// The features by which a text is told from others: its words, pairs of neighbouring words, and
// runs of two to four bytes, each as a hash of 64 bits.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace coe {

inline constexpr std::array<std::size_t, 3> kGramBytes = {2, 3, 4};

struct WordFeature {
  std::uint64_t hash = 0;
  std::uint32_t begin = 0;  // bytes in the text
  std::uint32_t end = 0;
};

struct TextFeatures {
  // grams[i][p] is the run of kGramBytes[i] bytes from p on: a text of n bytes has n - k + 1 runs
  // of k, or none. All digits count as one.
  std::array<std::vector<std::uint64_t>, kGramBytes.size()> grams;
  // In the order of their ends; a pair begins with its first word. A word is a run of letters (A to
  // Z in any case, and all bytes beyond ASCII), digits and underscores; a mark is none.
  std::vector<WordFeature> words;
  std::vector<WordFeature> pairs;
};

// `text` is at most 4 GiB.
TextFeatures text_features(std::string_view text);

}  // namespace coe
