#include "coe/corpus/words.h"

#include "coe/base/rng.h"
#include "coe/base/utf8.h"

#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utf8proc.h>
#include <vector>

namespace coe {
namespace {

enum class CharClass : std::uint8_t { kBlank, kPunctuation, kWord, kWholeWord };

// Han, kana and their extensions have no blanks between words.
bool is_ideograph(std::int32_t c) {
  return (c >= 0x2e80 && c <= 0x2fdf) || (c >= 0x3040 && c <= 0x30ff) ||
         (c >= 0x3400 && c <= 0x9fff) || (c >= 0xf900 && c <= 0xfaff) ||
         (c >= 0x20000 && c <= 0x3ffff);
}

CharClass class_of(std::int32_t c) {
  if (c < 0x80) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
      return CharClass::kWord;
    return c <= ' ' || c == 0x7f ? CharClass::kBlank : CharClass::kPunctuation;
  }
  if (is_ideograph(c)) return CharClass::kWholeWord;
  switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return CharClass::kWord;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:  // zero-width blanks and the like
      return CharClass::kBlank;
    default:
      return CharClass::kPunctuation;
  }
}

std::int32_t lower(std::int32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
  return utf8proc_tolower(c);
}

// Returns the character at `i` of valid UTF-8, and the offset after it.
std::int32_t next_char(std::string_view text, std::size_t& i) {
  const auto lead = static_cast<unsigned char>(text[i]);
  if (lead < 0x80) {
    ++i;
    return lead;
  }
  utf8proc_int32_t c = 0;
  const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + i),
                                       static_cast<utf8proc_ssize_t>(text.size() - i), &c);
  i += length > 0 ? static_cast<std::size_t>(length) : 1;
  return length > 0 ? c : 0xfffd;
}

void append(std::string& out, std::int32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  utf8proc_uint8_t bytes[4];
  const auto length = utf8proc_encode_char(c, bytes);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(length));
}

std::uint64_t hash_of(std::string_view text) { return XXH3_64bits(text.data(), text.size()); }

// Polynomial rolling hash: Σ h_i·B^(n−1−i) modulo 2^64, B odd, with the bits mixed at the end
// because low bits of such sums depend on low bits only. Source: Karp & Rabin, IBM J. Res. Dev.
// 31(2), 1987.
template <class Items, class Value>
std::vector<std::uint64_t> roll(const Items& items, std::size_t n, Value value) {
  constexpr std::uint64_t kBase = 0x9e3779b97f4a7c15U;
  std::vector<std::uint64_t> out;
  if (n == 0 || items.size() < n) return out;
  out.reserve(items.size() - n + 1);
  std::uint64_t leaving = 1;  // B^n
  for (std::size_t i = 0; i < n; ++i) leaving *= kBase;
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    hash = hash * kBase + value(items[i]);
    if (i >= n) hash -= leaving * value(items[i - n]);
    if (i + 1 >= n) out.push_back(mix_bits(hash));
  }
  return out;
}

}  // namespace

std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> out;
  std::string word;
  std::size_t begin = 0;
  const auto flush = [&](std::size_t end) {
    if (word.empty()) return;
    out.push_back({hash_of(word), begin, end});
    word.clear();
  };
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t at = i;
    const std::int32_t c = next_char(text, i);
    const CharClass kind = class_of(c);
    if (kind != CharClass::kWord) flush(at);
    if (kind == CharClass::kWord || kind == CharClass::kWholeWord) {
      if (word.empty()) begin = at;
      append(word, lower(c));
    }
    if (kind == CharClass::kWholeWord) flush(i);
  }
  flush(text.size());
  return out;
}

std::vector<std::uint64_t> ngrams_of(std::span<const Word> words, std::size_t n) {
  return roll(words, n, [](const Word& word) { return word.hash; });
}

std::optional<double> distinct_share(std::span<const Word> words, std::size_t n) {
  auto grams = ngrams_of(words, n);
  if (grams.empty()) return std::nullopt;
  const auto n_all = static_cast<double>(grams.size());
  std::ranges::sort(grams);
  const auto repeated = std::ranges::unique(grams);
  return (n_all - static_cast<double>(repeated.size())) / n_all;
}

std::vector<std::uint64_t> character_ngrams_of(std::string_view text, std::size_t n) {
  const std::string squeezed = squeeze(text);
  std::vector<std::int32_t> chars;
  chars.reserve(squeezed.size());
  for (std::size_t i = 0; i < squeezed.size();) chars.push_back(next_char(squeezed, i));
  return roll(chars, n, [](std::int32_t c) { return mix_bits(static_cast<std::uint64_t>(c) + 1); });
}

std::string squeeze(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  bool blank = false;
  for (std::size_t i = 0; i < text.size();) {
    const std::int32_t c = next_char(text, i);
    if (class_of(c) == CharClass::kBlank) {
      blank = !out.empty();
      continue;
    }
    if (blank) out += ' ';
    blank = false;
    append(out, lower(c));
  }
  return out;
}

std::uint64_t squeezed_hash(std::string_view text) { return hash_of(squeeze(text)); }

}  // namespace coe
