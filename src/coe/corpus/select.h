// These functions take parts of a corpus, and hold text for profiling and text for evaluation
// apart.
#pragma once

#include "coe/base/result.h"
#include "coe/corpus/corpus.h"

#include <cstddef>
#include <span>
#include <string>

namespace coe {

// Returns the identity of the text, made of names, weights and texts in order. Where they came from
// is not part of it.
std::string corpus_digest(const Corpus& corpus);

// Keeps only the sub-domains named. Errors: kInvalidArgument for a name the corpus lacks, listing
// those it has.
Status select_domains(Corpus& corpus, std::span<const std::string> names);

// A split holds out, of each sub-domain, the records whose index modulo `modulus` is `remainder`,
// and keeps the rest apart: the off-k split of docs/method.md, section 1.
struct Split {
  Corpus rest;
  Corpus held_out;
};
// Errors: kCorrupt when a sub-domain has fewer than `modulus` records.
Result<Split> split_off(const Corpus& corpus, std::size_t modulus, std::size_t remainder);

// Does the cheap part of find_leaks(): it compares whole records, up to letter case and white
// space. Errors: kMismatch, naming the two records, when a text occurs in both. Source:
// docs/method.md, section 1.
Status check_disjoint(const Corpus& profiling, const Corpus& evaluation);

}  // namespace coe
