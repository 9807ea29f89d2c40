// Words of a text and its n-grams, as comparisons of texts take them: without letter case, white
// space and punctuation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// A run of letters, digits and marks; each ideograph or kana on its own, since nothing parts them.
struct Word {
  std::uint64_t hash = 0;  // of the lower-cased word
  std::size_t begin = 0;   // bytes in the text
  std::size_t end = 0;
};

// `text` is UTF-8. Character classes and case are Unicode's (utf8proc).
std::vector<Word> words_of(std::string_view text);

// Hash of each run of `n` words (> 0), [words.size() − n + 1]; none when there are fewer words.
std::vector<std::uint64_t> ngrams_of(std::span<const Word> words, std::size_t n);
// The same over characters of the text squeezed.
std::vector<std::uint64_t> character_ngrams_of(std::string_view text, std::size_t n);

// Distinct n-grams over all, in (0, 1]; nothing when there are fewer than n words. Text that
// repeats itself is far below 1, and a longer text below a shorter one. Source: Li et al., "A
// Diversity-Promoting Objective Function for Neural Conversation Models" (2016), distinct-n.
std::optional<double> distinct_share(std::span<const Word> words, std::size_t n);

// Lower case, each run of white space one blank, none at the ends; punctuation stays.
std::string squeeze(std::string_view text);
// Of what squeeze() gives.
std::uint64_t squeezed_hash(std::string_view text);

}  // namespace coe
