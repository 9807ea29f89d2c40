// Text of made-up domains, which have words of their own and some in common.
#pragma once

#include "coe/base/rng.h"
#include "coe/corpus/corpus.h"
#include "coe/corpus/select.h"

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coe::testing {

// Records of a domain: three of four words are its own, made of its own syllables.
inline SubDomain made_domain(const std::string& name, std::uint64_t seed, std::size_t n_record,
                             std::size_t n_word) {
  constexpr std::array<std::string_view, 8> kCommon = {"the", "of", "and", "to",
                                                       "in",  "is", "it",  "for"};
  Rng rng(seed);
  std::vector<std::string> own;
  for (int i = 0; i < 60; ++i) {
    std::string word;
    for (int k = 0; k < 6; ++k) word += static_cast<char>('a' + rng.below(26));
    own.push_back(word);
  }
  SubDomain domain{name, 1.0, {}};
  for (std::size_t r = 0; r < n_record; ++r) {
    std::string text;
    for (std::size_t w = 0; w < n_word; ++w)
      text += (text.empty() ? "" : " ") + (rng.below(4) == 0
                                               ? std::string(kCommon[rng.below(kCommon.size())])
                                               : own[rng.below(own.size())]);
    domain.records.push_back({text, fmt::format("{}.jsonl:{}", name, r + 1), {}});
  }
  return domain;
}

// `seed` draws the records; words of a domain depend on its name's place alone.
inline Corpus made_corpus(std::size_t n_record, std::size_t n_word) {
  Corpus corpus;
  std::uint64_t seed = 1;
  for (const auto* name : {"apes", "bees", "cows"})
    corpus.domains.push_back(made_domain(name, seed++, n_record, n_word));
  corpus.digest = corpus_digest(corpus);
  return corpus;
}

// The last records of each domain, which `corpus` loses.
inline Corpus hold_out(Corpus& corpus, std::size_t n) {
  Corpus out;
  for (auto& domain : corpus.domains) {
    SubDomain held{domain.name, 1.0, {}};
    for (std::size_t i = 0; i < n; ++i) {
      held.records.push_back(domain.records.back());
      domain.records.pop_back();
    }
    out.domains.push_back(held);
  }
  return out;
}

}  // namespace coe::testing
