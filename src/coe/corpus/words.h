// Texts are compared by their words and n-grams, without letter case, white space and punctuation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coe {

// A word is a run of letters, digits and marks. Each ideograph or kana is one on its own, since
// nothing parts them.
struct Word {
  std::uint64_t hash = 0;  // of the lower-cased word
  std::size_t begin = 0;   // bytes in the text
  std::size_t end = 0;
};

// `text` is UTF-8. Character classes and case are Unicode's (utf8proc).
std::vector<Word> words_of(std::string_view text);

// Returns the hash of each run of `n` words (> 0), [words.size() − n + 1], and none when there are
// fewer words.
std::vector<std::uint64_t> ngrams_of(std::span<const Word> words, std::size_t n);
// Does the same over characters of the squeezed text.
std::vector<std::uint64_t> character_ngrams_of(std::string_view text, std::size_t n);

// Returns distinct n-grams over all, in (0, 1], or nothing when there are fewer than n words. Text
// that repeats itself is far below 1, and a longer text is below a shorter one. Source: Li et al.,
// "A Diversity-Promoting Objective Function for Neural Conversation Models" (2016), distinct-n.
std::optional<double> distinct_share(std::span<const Word> words, std::size_t n);

// Makes letters lower case and each run of white space one blank, with none at the ends.
// Punctuation stays.
std::string squeeze(std::string_view text);
// Hashes what squeeze() gives.
std::uint64_t squeezed_hash(std::string_view text);

}  // namespace coe
