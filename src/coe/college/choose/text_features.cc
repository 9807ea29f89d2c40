#include "coe/college/choose/text_features.h"

#include "coe/base/rng.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace coe {

namespace {

// Kinds of features have hashes of their own, in which a word of three letters is not a run of
// three bytes.
constexpr std::uint64_t kGramSeed = 0x67726d0000000000U;
constexpr std::uint64_t kWordSeed = 0x776f726400000000U;
constexpr std::uint64_t kPairSeed = 0x7061697200000000U;

constexpr bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }

// Marks and white space stay apart from each other, all digits are alike.
constexpr unsigned char folded(unsigned char c) { return is_digit(c) ? '0' : c; }

// 0: not of a word.
constexpr unsigned char word_byte(unsigned char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<unsigned char>(c - 'A' + 'a');
  if (is_digit(c)) return '0';
  return (c >= 'a' && c <= 'z') || c == '_' || c >= 0x80 ? c : 0;
}

void add_grams(std::string_view text, TextFeatures& out) {
  std::uint64_t last = 0;  // the last eight bytes, the newest lowest
  for (std::size_t i = 0; i < kGramBytes.size(); ++i)
    if (text.size() >= kGramBytes[i]) out.grams[i].reserve(text.size() - kGramBytes[i] + 1);
  for (std::size_t at = 0; at < text.size(); ++at) {
    last = (last << 8) | folded(static_cast<unsigned char>(text[at]));
    for (std::size_t i = 0; i < kGramBytes.size(); ++i) {
      const std::size_t n = kGramBytes[i];
      if (at + 1 < n) continue;
      const std::uint64_t bytes = last & ((std::uint64_t{1} << (8 * n)) - 1);
      out.grams[i].push_back(mix_bits(kGramSeed + (std::uint64_t{n} << 56) + bytes));
    }
  }
}

void add_word(WordFeature word, TextFeatures& out) {
  if (!out.words.empty()) {
    const auto& before = out.words.back();
    out.pairs.push_back(
        {mix_bits(kPairSeed ^ mix_bits(before.hash) ^ word.hash), before.begin, word.end});
  }
  out.words.push_back(word);
}

}  // namespace

TextFeatures text_features(std::string_view text) {
  TextFeatures out;
  add_grams(text, out);
  constexpr std::uint64_t kFnvPrime = 0x100000001b3U;
  std::size_t begin = 0;
  std::uint64_t hash = kWordSeed;
  for (std::size_t at = 0; at <= text.size(); ++at) {
    const unsigned char byte =
        at < text.size() ? word_byte(static_cast<unsigned char>(text[at])) : 0;
    if (byte != 0) {
      hash = (hash ^ byte) * kFnvPrime;
      continue;
    }
    if (at > begin)
      add_word({mix_bits(hash), static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(at)},
               out);
    begin = at + 1;
    hash = kWordSeed;
  }
  return out;
}

}  // namespace coe
